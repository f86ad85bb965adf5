/** The one refusal all codecs share. */
export function tooLarge(maxBytes: number): RangeError {
  return new RangeError(`inflates beyond the limit of ${maxBytes} bytes`)
}
