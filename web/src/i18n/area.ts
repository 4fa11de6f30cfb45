/** The texts of one area, Chinese first. A text that lacks its English twin does not compile. */
type Twin<T> = { [K in keyof T]: T[K] extends string ? string : Twin<T[K]> }

export function area<const T extends object>(zh: T, en: Twin<T>): { zh: T; en: Twin<T> } {
  return { zh, en }
}
