declare module "siphash" {
  const siphash: {
    /** SipHash-2-4 of `message` with a key of four words: the halves of 64 bits, each as a positive number. */
    hash(key: Uint32Array, message: Uint8Array): { readonly h: number; readonly l: number };
  };
  export default siphash;
}
