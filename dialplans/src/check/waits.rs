//! The wait step: the richest one, and the one where a caller could be forgotten.

use std::ops::RangeInclusive;

use super::context::Context;
use super::report::Place;
use super::tables::{duration, known_queue};
use crate::api::QueueName;
use crate::duration::write_duration;
use crate::plan::{Announce, Overflow, OverflowTo, OverflowWhen, Step, Wait};
use crate::prompts::{place_longest, place_prompts};
use crate::source::{AnnounceSource, At, OverflowSource, WaitSource};
use crate::time::Millis;

/// The longest wait in one step.
const LONGEST: RangeInclusive<u64> = 10_000..=3_600_000;
/// Place announcements: oftener is a nuisance, rarer is neglect.
const EVERY: RangeInclusive<u64> = 15_000..=180_000;
/// What must be heard delays the first word with an agent; GB/T 33358 gives 15 s for all.
const MUST_HEAR_MAX: Millis = Millis(10_000);
/// Times of overflow.
const OVERFLOW: RangeInclusive<u64> = 1_000..=1_800_000;

pub(super) fn wait(context: &mut Context<'_>, place: Place, source: &WaitSource) -> Step {
    let queue = queue(context, &source.queue, place);
    let longest = match &source.longest {
        Some(text) => duration(Place::at(context.file, text), &text.value, LONGEST, context.report),
        None => {
            context.report.error(
                place,
                "missing-branch",
                "nothing says how long a caller may wait here",
                "add `longest: 8m` and `too_long: STEP`",
            );
            Millis(*LONGEST.end())
        }
    };
    let must_hear = context.prompts(&source.must_hear);
    check_must_hear(context, place, source);
    let wait = Wait {
        priority: source.priority.as_ref().map(|p| p.value).unwrap_or_default(),
        must_hear,
        welcome: context.prompts(&source.welcome),
        music: context.music(&source.music, place),
        announce: source.announce.as_ref().map(|a| announce(context, place, a)),
        ring_timeout: context.prompts(&source.ring_timeout),
        keys: context.keys(&source.keys),
        overflow: source.overflow.iter().map(|rule| overflow(context, place, rule, &queue, longest)).collect(),
        nobody: context.next(&source.nobody, place, "nobody", "what happens when nobody is signed in"),
        longest,
        too_long: context.next(&source.too_long, place, "too_long", "what follows the longest wait"),
        removed: context.next(&source.removed, place, "removed", "what happens when the queue gives the call up"),
        after_talk: context.optional(&source.after_talk),
        queue,
    };
    Step::Wait(Box::new(wait))
}

fn queue(context: &mut Context<'_>, name: &Option<At<String>>, place: Place) -> QueueName {
    match name {
        Some(name) => known_queue(context.file, name, &context.tables.queues, context.report),
        None => {
            context.report.error(place, "missing-field", "in which queue?", "add `queue: NAME`");
            QueueName(String::new())
        }
    }
}

fn check_must_hear(context: &mut Context<'_>, place: Place, source: &WaitSource) {
    let names: Vec<_> = source.must_hear.iter().map(|n| n.value.as_str().into()).collect();
    let length = context.checker.lengths.total(&names);
    let at = source.must_hear.first().map_or(place, |first| Place::at(context.file, first));
    if length > MUST_HEAR_MAX {
        context.report.error(
            at,
            "out-of-range",
            format!("what must be heard lasts {length}"),
            format!("at most {MUST_HEAR_MAX}: the rest belongs to `welcome`"),
        );
    }
    let recorded = context.source.record.as_ref().is_some_and(|record| record.value);
    if recorded && names.is_empty() {
        context.report.error(
            place,
            "recording-without-notice",
            "calls of this plan are recorded, and here a caller could be connected without having heard so",
            "add `must_hear: [recording_notice]` (it is said once per call)",
        );
    }
}

fn announce(context: &mut Context<'_>, place: Place, source: &AnnounceSource) -> Announce {
    let every = match &source.every {
        Some(text) => duration(Place::at(context.file, text), &text.value, EVERY, context.report),
        None => {
            context.report.error(place, "missing-field", "how often is the place said?", "add `every: 45s`");
            Millis(*EVERY.end())
        }
    };
    let first = source.first.as_ref().map_or(every, |text| {
        duration(Place::at(context.file, text), &text.value, 1_000..=*EVERY.end(), context.report)
    });
    let estimate = source.estimate.unwrap_or(false);
    let lengths = &context.checker.lengths;
    for prompt in place_prompts() {
        if lengths.get(prompt.as_str()).is_none() {
            context.report.error(
                place,
                "unknown-prompt",
                format!("place announcements need the prompt `{prompt}`"),
                "run prompts/make.sh",
            );
        }
    }
    let also = context.prompts(&source.also);
    let lengths = &context.checker.lengths;
    let longest = place_longest(lengths, estimate) + lengths.total(&also);
    if longest >= every {
        let at = source.every.as_ref().map_or(place, |at| Place::at(context.file, at));
        context.report.error(
            at,
            "announcement-too-long",
            format!("the announcement may last {longest} and comes every {}", write_duration(every)),
            "say less, or less often",
        );
    }
    Announce { first, every, estimate, also }
}

fn overflow(
    context: &mut Context<'_>,
    place: Place,
    source: &OverflowSource,
    home: &QueueName,
    longest: Millis,
) -> Overflow {
    let back_after = source
        .back_after
        .as_ref()
        .map(|text| duration(Place::at(context.file, text), &text.value, OVERFLOW, context.report));
    Overflow {
        when: overflow_when(context, place, source, longest),
        to: overflow_to(context, place, source, home),
        say: context.prompts(&source.say),
        back_after,
        back_say: context.prompts(&source.back_say),
    }
}

fn overflow_when(context: &mut Context<'_>, place: Place, source: &OverflowSource, longest: Millis) -> OverflowWhen {
    let nobody = source.when_nobody.as_ref().is_some_and(|n| n.value);
    match (&source.after, nobody) {
        (None, true) => OverflowWhen::Nobody,
        (Some(text), false) => {
            let at = Place::at(context.file, text);
            let after = duration(at, &text.value, OVERFLOW, context.report);
            if after >= longest {
                context.report.warning(
                    at,
                    "never-happens",
                    format!("the wait ends after {} already", write_duration(longest)),
                    "overflow earlier, or wait longer",
                );
            }
            OverflowWhen::After(after)
        }
        _ => {
            context.report.error(
                place,
                "overflow-when",
                "an overflow rule says either `after:` or `when_nobody: true`",
                "write two rules if both are meant",
            );
            OverflowWhen::Nobody
        }
    }
}

fn overflow_to(context: &mut Context<'_>, place: Place, source: &OverflowSource, home: &QueueName) -> OverflowTo {
    let by_area = source.to_caller_area.as_ref().is_some_and(|a| a.value);
    match (&source.to, by_area) {
        (None, true) => OverflowTo::CallerArea,
        (Some(name), false) => {
            let to = known_queue(context.file, name, &context.tables.queues, context.report);
            if to == *home {
                context.report.error(
                    Place::at(context.file, name),
                    "overflow-to-itself",
                    format!("the call waits in `{home}` already"),
                    "name another queue",
                );
            }
            OverflowTo::Queue(to)
        }
        _ => {
            context.report.error(
                place,
                "overflow-to",
                "an overflow rule says either `to: QUEUE` or `to_caller_area: true`",
                "write two rules if both are meant",
            );
            OverflowTo::CallerArea
        }
    }
}
