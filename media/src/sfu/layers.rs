//! Which simulcast layer a subscriber gets.
//!
//! Pure. The wish comes from the subscriber's view (size of the tile, quality, hidden or not) and from the state
//! of its link; what is possible comes from the publisher, who may stop sending large layers at any time.

/// Quality steps of the LiveKit vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Smallest layer.
    Low,
    /// Middle layer.
    Medium,
    /// Largest layer.
    High,
}

/// A layer as the publisher announced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSpec {
    /// Its step.
    pub quality: Quality,
    /// Width, pixels; 0 where unknown.
    pub width: u32,
    /// Height, pixels; 0 where unknown.
    pub height: u32,
}

/// What a subscriber wants of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Off: nothing is sent (tile hidden).
    pub enabled: bool,
    /// Largest step wanted.
    pub quality: Quality,
    /// Size of the tile in pixels, if known: the smallest layer that fills it is enough.
    pub size: Option<(u32, u32)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, quality: Quality::High, size: None }
    }
}

/// Index of the layer wanted among `layers` (ascending), whether it is being sent or not.
pub(super) fn wanted(layers: &[LayerSpec], settings: &Settings) -> Option<usize> {
    if !settings.enabled {
        return None;
    }
    let last = layers.len().checked_sub(1)?;
    let by_quality = layers.iter().rposition(|layer| layer.quality <= settings.quality).unwrap_or(0);
    let Some((width, height)) = settings.size else {
        return Some(by_quality);
    };
    let fills = |layer: &LayerSpec| layer.width >= width && layer.height >= height;
    let by_size = layers.iter().position(fills).unwrap_or(last);
    Some(by_size.min(by_quality))
}

/// Index of the layer to send now: the wanted one or the next below that is alive and within `cap`, else the
/// next above. `alive[i]` tells whether packets of layer i come.
pub(super) fn possible(wanted: usize, cap: usize, alive: &[bool]) -> Option<usize> {
    let most = wanted.min(cap);
    let below = (0..=most).rev().find(|index| alive.get(*index).copied().unwrap_or(false));
    below.or_else(|| alive.iter().position(|alive| *alive))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: [LayerSpec; 3] = [
        LayerSpec { quality: Quality::Low, width: 320, height: 180 },
        LayerSpec { quality: Quality::Medium, width: 640, height: 360 },
        LayerSpec { quality: Quality::High, width: 1280, height: 720 },
    ];

    #[test]
    fn the_smallest_layer_that_fills_the_tile() {
        let size = |width, height| Settings { size: Some((width, height)), ..Settings::default() };
        assert_eq!(wanted(&CAMERA, &size(200, 100)), Some(0));
        assert_eq!(wanted(&CAMERA, &size(321, 100)), Some(1));
        assert_eq!(wanted(&CAMERA, &size(4000, 3000)), Some(2));
        assert_eq!(wanted(&CAMERA, &Settings { quality: Quality::Low, ..size(4000, 3000) }), Some(0));
        assert_eq!(wanted(&CAMERA, &Settings { enabled: false, ..Settings::default() }), None);
        assert_eq!(wanted(&CAMERA[..1], &Settings::default()), Some(0));
        assert_eq!(wanted(&[], &Settings::default()), None);
    }

    #[test]
    fn what_is_not_sent_cannot_be_had() {
        assert_eq!(possible(2, 2, &[true, true, false]), Some(1));
        assert_eq!(possible(2, 0, &[true, true, true]), Some(0));
        assert_eq!(possible(0, 2, &[false, false, true]), Some(2));
        assert_eq!(possible(1, 2, &[false, false, false]), None);
    }
}
