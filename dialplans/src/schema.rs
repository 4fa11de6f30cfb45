//! JSON schema of plan and scenario files, for editors that complete and check as one types.

/// The schema of a plan file (JSON Schema 2020-12).
pub fn plan_file() -> serde_json::Value {
    schemars::schema_for!(crate::source::SourceFile).to_value()
}

/// The schema of a scenario file.
pub fn scenario_file() -> serde_json::Value {
    schemars::schema_for!(crate::simulate::ScenarioFile).to_value()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_names_every_step_and_refuses_strangers() {
        let text = super::plan_file().to_string();
        for word in ["say", "menu", "hours", "branch", "wait", "dial", "set", "note", "hang_up"] {
            assert!(text.contains(&format!("\"{word}\"")), "{word}");
        }
        assert!(text.contains("\"additionalProperties\":false"));
    }
}
