// A slider over the elements of a list; at its end it follows the newest.

export class Chooser {
  constructor(id, changed) {
    this.slider = document.getElementById(id);
    this.following = true;
    this.slider.addEventListener("input", () => {
      this.following = this.slider.value === this.slider.max;
      changed();
    });
  }

  // Returns the chosen element; name: what to call an element.
  choose(list, name) {
    const last = list.length - 1;
    this.slider.max = String(Math.max(0, last));
    if (this.following) this.slider.value = this.slider.max;
    this.slider.hidden = list.length < 2;
    const chosen = list[Math.min(Number(this.slider.value), last)];
    this.slider.setAttribute("aria-valuetext", name(chosen));
    return chosen;
  }
}
