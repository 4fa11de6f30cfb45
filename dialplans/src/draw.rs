//! A plan as a mermaid flow chart: made from the plan, coordinates are never stored.

use std::fmt::Write as _;

use crate::plan::{Plan, Step};

/// The plan as mermaid text (`flowchart TD`).
pub fn draw(plan: &Plan) -> String {
    let mut out = String::from("flowchart TD\n");
    line(&mut out, &format!("begin(({}))", quoted(&plan.title)));
    line(&mut out, &format!("begin --> s{}", plan.start.0));
    for (index, (name, step)) in plan.steps.iter().enumerate() {
        let (open, close) = shape(step);
        let text = quoted(&format!("{name}\n{}", words(step)));
        line(&mut out, &format!("s{index}{open}{text}{close}"));
        for (word, to) in step.ways_out() {
            line(&mut out, &format!("s{index} -->|{}| s{}", quoted(&word), to.0));
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "    {text}");
}

fn shape(step: &Step) -> (&'static str, &'static str) {
    match step {
        Step::Hours { .. } | Step::Branch { .. } | Step::Menu(_) => ("{", "}"),
        Step::Wait(_) | Step::Dial(_) => ("[[", "]]"),
        Step::HangUp { .. } => ("([", "])"),
        Step::Say { .. } | Step::Set { .. } | Step::Note { .. } => ("[", "]"),
    }
}

fn words(step: &Step) -> String {
    let names = |prompts: &[crate::PromptRef]| prompts.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(" ");
    match step {
        Step::Say { prompts, .. } => format!("say {}", names(prompts)),
        Step::Menu(menu) => format!("ask {}", names(&menu.prompts)),
        Step::Hours { .. } => "open?".to_owned(),
        Step::Branch { .. } => "choose".to_owned(),
        Step::Wait(wait) => format!("wait in {}", wait.queue),
        Step::Dial(dial) => format!("dial {}", dial.target),
        Step::Set { name, value, .. } => format!("set {name} = {value}"),
        Step::Note { text, .. } => format!("note {text}"),
        Step::HangUp { say, .. } => format!("hang up {}", names(say)),
    }
}

/// Mermaid text in quotes; what would end it is replaced.
fn quoted(text: &str) -> String {
    let safe = text.replace('"', "#quot;").replace('<', "#lt;").replace('\n', "<br/>");
    format!("\"{safe}\"")
}
