// How a finished job is announced: a soft chime, if the settings want one.

import { preference } from "./preferences.js";

const NOTES = [660, 880]; // Hz
const LENGTH = 0.35; // seconds a note rings

/** Play the chime, unless switched off in Settings; says nothing where the browser forbids sound. */
export function announce() {
	const volume = preference("notification_volume", 100) / 100;
	if (!preference("notification_audio", false) || !volume || !navigator.userActivation?.hasBeenActive) return;
	const sound = new AudioContext();
	NOTES.forEach((pitch, at) => ring(sound, pitch, sound.currentTime + at * 0.13, volume * 0.12));
	setTimeout(() => sound.close(), 1500);
}

function ring(sound, pitch, start, loudness) {
	const tone = sound.createOscillator();
	const level = sound.createGain();
	tone.frequency.value = pitch;
	level.gain.setValueAtTime(loudness, start);
	level.gain.exponentialRampToValueAtTime(0.0001, start + LENGTH);
	tone.connect(level).connect(sound.destination);
	tone.start(start);
	tone.stop(start + LENGTH);
}
