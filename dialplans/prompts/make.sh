#!/bin/sh
# Makes the prompts: 8 kHz, mono, 16-bit PCM, the telephone's own rate, so that nothing is
# resampled at call time. Needs espeak-ng (Mandarin voice) and sox. The wavs are committed:
# run this only after changing texts.tsv or a sound, then commit what changed.
#
# index.tsv lists name and milliseconds of each: the checker proves waits from it, and a test
# holds it against the wavs.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Speech at 8 kHz, silence cut at both ends (fragments must join without gaps), a short tail so
# that words do not run together, one loudness for all.
speak() { # name text words_a_minute
    espeak-ng -v cmn -s "$3" -w "$work/raw.wav" "$2"
    sox -R "$work/raw.wav" -b 16 -c 1 -r 8000 -e signed-integer "$1.wav" \
        gain -3 highpass 120 silence 1 0.02 0.5% reverse silence 1 0.02 0.5% fade t 0.01 reverse \
        fade t 0.005 norm -6 pad 0 0.08
}

# One bar of calm accompaniment: three sines under a slow swell.
bar() { # file seconds hz hz hz
    sox -R -n -r 8000 -c 1 -b 16 "$1" synth "$2" sine "$3" synth "$2" sine mix "$4" \
        synth "$2" sine mix "$5" fade t 0.4 "$2" 0.4 gain -20
}

# One plucked note of the melody.
note() { # file seconds hz
    sox -R -n -r 8000 -c 1 -b 16 "$1" synth "$2" pluck "$3" fade t 0.01 "$2" 0.2 gain -10
}

# A pentatonic melody (宫调式) over four chords, 24 s: starts and ends on the same chord, so that
# it can be looped without a break.
music() {
    i=0
    for hz in 392 440 523.25 440 392 329.63 392 293.66 329.63 392 440 523.25 587.33 523.25 440 392 \
              329.63 293.66 329.63 392 440 392 329.63 293.66 261.63 293.66 329.63 392 329.63 293.66 261.63 261.63; do
        note "$work/n$(printf %02d $i).wav" 0.75 "$hz"
        i=$((i + 1))
    done
    sox "$work"/n[0-9][0-9].wav "$work/melody.wav"
    bar "$work/b0.wav" 6 130.81 164.81 196
    bar "$work/b1.wav" 6 110 130.81 164.81
    bar "$work/b2.wav" 6 146.83 174.61 220
    bar "$work/b3.wav" 6 130.81 164.81 196
    sox "$work/b0.wav" "$work/b1.wav" "$work/b2.wav" "$work/b3.wav" "$work/pad.wav"
    sox -m -v 1 "$work/melody.wav" -v 1 "$work/pad.wav" -b 16 music.wav lowpass 3000 norm -12
}

rm -f ./*.wav
grep -v '^#' texts.tsv | while IFS="$(printf '\t')" read -r name text; do
    speak "$name" "$text" 260
done
n=0
while [ "$n" -le 100 ]; do
    speak "num_$n" "$n" 210
    n=$((n + 1))
done
music
sox -R -n -r 8000 -c 1 -b 16 beep.wav synth 0.4 sine 1000 fade t 0.01 0.4 0.02 gain -9

for f in *.wav; do
    printf '%s\t%s\n' "${f%.wav}" "$(soxi -D "$f" | awk '{ printf "%d", $1 * 1000 + 0.5 }')"
done | LC_ALL=C sort > index.tsv
wc -l index.tsv
cat ./*.wav | wc -c
