//! The figures, asked and measured, side by side.

/// Rows of figure, asked, measured. They also go, tab-separated, to the file that `BENCH_TABLE` names, where `run.sh`
/// gathers those of all its parts.
#[derive(Default)]
pub struct Table(Vec<[String; 3]>);

impl Table {
    pub fn row(&mut self, figure: &str, asked: &str, measured: String) {
        self.0.push([figure.to_owned(), asked.to_owned(), measured]);
    }

    pub fn keep(&self) {
        use std::io::Write;
        let text: String = self.0.iter().map(|row| row.join("\t") + "\n").collect();
        let Ok(path) = std::env::var("BENCH_TABLE") else { return print!("\n{text}") };
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut f| f.write_all(text.as_bytes())).unwrap();
    }
}

/// Prints what all parts have put into the file that `BENCH_TABLE` names.
pub fn print() {
    let text = std::fs::read_to_string(std::env::var("BENCH_TABLE").unwrap()).unwrap();
    println!("\n{:<64}  {:<16}  measured", "figure", "asked");
    for line in text.lines() {
        let mut parts = line.split('\t');
        let (figure, asked) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        println!("{figure:<64}  {asked:<16}  {}", parts.next().unwrap_or_default());
    }
}

/// The value below which `part` (0–1) of `values` lie; sorts them.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(((last as f64) * part).round() as usize).copied().unwrap_or(f64::NAN)
}
