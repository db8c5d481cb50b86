// Undo and redo. A moment is a set of references to tiles and pictures that never change, so keeping
// fifty of them costs only the tiles that differ.

/** How many steps can be taken back. */
export const DEPTH = 50;
const BUDGET_BYTES = 768 * 2 ** 20; // of tiles kept for undo alone

/** @typedef {{state: any, label: string, bytes: number}} Moment */

export class History {
	/** @param {any} state where everything begins */
	constructor(state) {
		this.reset(state);
	}

	/** Forget everything and begin from `state`. */
	reset(state) {
		/** @type {Moment[]} */
		this.moments = [{ state, label: "", bytes: 0 }];
		this.at = 0;
	}

	/** Add what has just been done. @param {number} bytes size of the tiles that are new in it */
	push(state, label, bytes) {
		this.moments.length = this.at + 1;
		this.moments.push({ state, label, bytes });
		let kept = this.moments.reduce((sum, moment) => sum + moment.bytes, 0);
		while (this.moments.length > DEPTH + 1 || (kept > BUDGET_BYTES && this.moments.length > 2)) {
			kept -= this.moments.shift().bytes;
		}
		this.at = this.moments.length - 1;
	}

	get canUndo() {
		return this.at > 0;
	}

	get canRedo() {
		return this.at < this.moments.length - 1;
	}

	/** @returns {{state: any, label: string} | null} where to go, and what is taken back */
	undo() {
		if (!this.canUndo) return null;
		const { label } = this.moments[this.at];
		this.at -= 1;
		return { state: this.moments[this.at].state, label };
	}

	/** @returns {{state: any, label: string} | null} */
	redo() {
		if (!this.canRedo) return null;
		this.at += 1;
		return this.moments[this.at];
	}
}
