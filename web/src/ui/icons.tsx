/** One outline set, 20 px grid, drawn with the current colour. Always beside a word, or named by its button. */
const PATHS = {
  desk: 'M4 11a6 6 0 0 1 12 0M4 11v3a2 2 0 0 0 2 2h1v-5H4zm12 0v3a2 2 0 0 1-2 2h-1v-5h3z',
  calls:
    'M5 3h2.500l1.300 3.500-1.800 1.400a10 10 0 0 0 5.100 5.100l1.400-1.800L17 12.500V15a2 2 0 0 1-2 2A12 12 0 0 1 3 5a2 2 0 0 1 2-2z',
  cases: 'M5 3h10v14H5zM8 7h4M8 10h4M8 13h2',
  inbox: 'M3 11l2.500-7h9L17 11v5H3zM3 11h4l1 2h4l1-2h4',
  supervision: 'M10 3v8M10 15.500v.5M3 17h14L10 4z',
  sms: 'M3 5h14v9H8l-3 3v-3H3z',
  meetings: 'M3 6h9v8H3zM12 9l5-3v8l-5-3',
  dispatch:
    'M10 17s5-4.600 5-8.500a5 5 0 0 0-10 0C5 12.400 10 17 10 17zM10 10.200a1.700 1.700 0 1 0 0-3.400 1.700 1.700 0 0 0 0 3.400z',
  wall: 'M2.500 4h15v10h-15zM7 17h6M6 11V9m3 2V7m3 4V8m2.500 3v-1',
  plans: 'M4 4h5v4H4zM11 12h5v4h-5zM6.500 8v6H11M9 6h4.500v6',
  orgs: 'M7.500 3h5v4h-5zM3 13h4v4H3zM13 13h4v4h-4zM10 7v3M5 13v-3h10v3',
  dead_letters: 'M3 5h14v10H3zM3 5l7 6 7-6M12 13l3 3m0-3l-3 3',
  find: 'M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4',
  phone_down: 'M2.500 11.500c4-4.500 11-4.500 15 0l-1.500 2.300-3-.8V11a10 10 0 0 0-6 0v2l-3 .8z',
  pause: 'M7 4.500v11M13 4.500v11',
  play: 'M6 4l10 6-10 6z',
  mute: 'M10 3a2.500 2.500 0 0 1 2.500 2.500V10a2.500 2.500 0 0 1-5 0V5.500A2.500 2.500 0 0 1 10 3zM5 10a5 5 0 0 0 10 0M10 15v2.500M3.500 3.500l13 13',
  transfer: 'M4 7h11l-3-3M16 13H5l3 3',
  people:
    'M7 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM2.500 16c0-3 2-4.500 4.500-4.500s4.500 1.500 4.500 4.500M13 9.500a2.300 2.300 0 1 0-.6-4.500M13.500 11.500c2.300 0 4 1.500 4 4.500',
  keypad:
    'M5 4.500h.01M10 4.500h.01M15 4.500h.01M5 9.500h.01M10 9.500h.01M15 9.500h.01M5 14.500h.01M10 14.500h.01M15 14.500h.01',
  down: 'M5 8l5 5 5-5',
  right: 'M8 5l5 5-5 5',
  close: 'M5 5l10 10M15 5L5 15',
  check: 'M4 10.500l4 4 8-9',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  info: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9v4.500M10 6.500v.01',
  download: 'M10 3v9m-3.500-3.500L10 12l3.500-3.500M4 16h12',
  link: 'M8.500 11.500l3-3M7 9l-2 2a2.800 2.800 0 0 0 4 4l2-2M13 11l2-2a2.800 2.800 0 0 0-4-4L9 7',
  mic: 'M10 3a2.500 2.500 0 0 1 2.500 2.500V10a2.500 2.500 0 0 1-5 0V5.500A2.500 2.500 0 0 1 10 3zM5 10a5 5 0 0 0 10 0M10 15v2.500',
  camera_off: 'M3 6h9v8H3zM12 9l5-3v8l-5-3M3.500 3.500l13 13',
  screen: 'M2.500 4h15v10h-15zM7 17h6M10 11V7m-2 2l2-2 2 2',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 16, width = 1.6 }: { name: IconName; size?: number; width?: number }) {
  return (
    <svg
      viewBox="0 0 20 20"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'keypad' ? 2.6 : width}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      style={{ flex: 'none' }}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
