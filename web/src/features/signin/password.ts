/** The password rule, told before the hub has to refuse: 12 characters, three of four kinds. */
export const PASSWORD_MIN_CHARS = 12

export type PasswordFault = 'too_short' | 'weak' | 'same'

export function passwordFault(next: string, old: string): PasswordFault | null {
  if ([...next].length < PASSWORD_MIN_CHARS) return 'too_short'
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(next)).length
  if (kinds < 3) return 'weak'
  return next === old ? 'same' : null
}
