// Networks in the page: ONNX Runtime Web, whose module and WebAssembly lie among the page's data. One thread,
// so that no server has to send headers for it.

export class Networks {
  /**
   * @param {Uint8Array} module the text of ONNX Runtime Web's `ort.wasm.bundle.min.mjs`
   * @param {Uint8Array} wasm its WebAssembly
   * @param {Object<string, Uint8Array>} files ONNX files by name
   */
  static async load(module, wasm, files) {
    const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
    const ort = await import(address);
    URL.revokeObjectURL(address);
    Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm });
    const networks = new Networks();
    Object.assign(networks, { Tensor: ort.Tensor, sessions: {}, last: Promise.resolve() });
    for (const [name, file] of Object.entries(files)) {
      networks.sessions[name] = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
    }
    return networks;
  }
  // The probabilities of one network for an image C H W, numbers from -1 to 1: planes of classes.
  async probabilities(name, image, { height, width }) {
    const dims = [1, image.length / (height * width), height, width];
    const feed = { image: new this.Tensor("float32", image, dims) };
    // The runtime answers one question at a time.
    const answer = this.last.then(() => this.sessions[name].run(feed));
    this.last = answer.catch(() => {});
    const { probabilities } = await answer;
    return probabilities.data;
  }
}
