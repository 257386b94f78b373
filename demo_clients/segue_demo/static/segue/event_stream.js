// Server-sent events over fetch, for a request needs its own headers (the proof, the token); parsing as in the HTML standard.
const SILENCE = 40_000; // milliseconds; the store sends a comment every 15 seconds

/** The events of one answer: `{event, id, data}`. Ends when the answer does; throws when it falls silent. */
export async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let block = {};
  try {
    for (;;) {
      const { value, done } = await withinSilence(reader.read());
      if (done) return;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (block.data !== undefined) yield { event: "message", ...block };
          block = {};
        } else if (!line.startsWith(":")) {
          const [, name, content] = /^([^:]*):? ?(.*)$/.exec(line);
          block[name] = name === "data" && block.data !== undefined ? `${block.data}\n${content}` : content;
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function withinSilence(reading) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the stream fell silent")), SILENCE);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
