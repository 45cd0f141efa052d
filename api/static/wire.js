// The session over HTTP: questions, commands, and the stream of events.

const ROOT = "/api/v1";

export class ProblemError extends Error {}

export async function ask(path) {
  const answer = await fetch(ROOT + path, { cache: "no-cache" });
  if (!answer.ok) throw new ProblemError(await detailOf(answer));
  return answer;
}

export async function askJson(path) {
  return (await ask(path)).json();
}

export async function command(method, path, body) {
  const answer = await fetch(ROOT + path, {
    method,
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new ProblemError(await detailOf(answer));
}

async function detailOf(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

// Calls `handlers[type](data)` for each event; the browser reconnects by itself, with the last id.
export function follow(handlers) {
  const source = new EventSource(`${ROOT}/events`);
  for (const [type, handle] of Object.entries(handlers)) {
    source.addEventListener(type, (event) => handle(JSON.parse(event.data)));
  }
  return source;
}

// A float32 NPY file as { rows, columns, values }.
export function parseNpy(buffer) {
  const view = new DataView(buffer);
  const headerLength = view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, 10, headerLength));
  const [, rows, columns] = header.match(/'shape': \((\d+), (\d+)\)/).map(Number);
  return { rows, columns, values: new Float32Array(buffer, 10 + headerLength, rows * columns) };
}

// At most one call of `work` in `pauseMs`; calls in between become one at the end.
export function throttled(work, pauseMs) {
  let waiting = false;
  let again = false;
  const run = async () => {
    waiting = true;
    again = false;
    try {
      await work();
    } finally {
      setTimeout(() => {
        waiting = false;
        if (again) run();
      }, pauseMs);
    }
  };
  return () => {
    again = true;
    if (!waiting) run();
  };
}
