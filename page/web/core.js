// The filter's core, compiled to WebAssembly: a question goes in as JSON, and the answer comes out as JSON.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let compiled;
let instance;

/** Unpacks and starts the core, which lies in the page itself: compressed, in base64. */
export async function start(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  compiled = await WebAssembly.compile(await new Response(unpacked).arrayBuffer());
  restart();
}

/** All that the core may ask of the browser. Only random numbers are given to it; it gets no files, clock or network. */
const system = {
  random_get(at, length) {
    const room = new Uint8Array(instance.exports.memory.buffer, at, length);
    // The browser gives at most 65,536 bytes at a time.
    for (let from = 0; from < length; from += 65536) crypto.getRandomValues(room.subarray(from, from + 65536));
    return 0;
  },
  environ_sizes_get(count, size) {
    const memory = new DataView(instance.exports.memory.buffer);
    memory.setUint32(count, 0, true);
    memory.setUint32(size, 0, true);
    return 0;
  },
  environ_get: () => 0,
  // The message of a panic. It is lost, since it might repeat what was pasted.
  fd_write: () => 8,
  proc_exit() {
    throw new Error("the core has ended");
  },
};

function restart() {
  instance = new WebAssembly.Instance(compiled, { wasi_snapshot_preview1: system });
  instance.exports._initialize();
}

/** The answer to a question. */
export function ask(question) {
  try {
    const bytes = encoder.encode(JSON.stringify(question));
    const room = instance.exports.question(bytes.length);
    new Uint8Array(instance.exports.memory.buffer, room, bytes.length).set(bytes);
    const length = instance.exports.answer();
    const answer = new Uint8Array(instance.exports.memory.buffer, instance.exports.answer_at(), length);
    return JSON.parse(decoder.decode(answer));
  } catch (error) {
    // A panic leaves the instance in disorder.
    restart();
    return { problem: { in: null, text: `the page has a fault of its own: ${error.message}` } };
  }
}
