//! The console's files are embedded from `web/dist`; where it was not built yet, an empty folder lets the hub compile.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Err(e) = std::fs::create_dir_all("web/dist") {
        println!("cargo:warning=web/dist could not be made: {e}");
    }
}
