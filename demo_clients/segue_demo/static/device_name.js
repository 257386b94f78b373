// A first guess at what to call this device; the person may change it, and the other device shows it as what we say of ourselves.
const DEVICES = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android.*Mobile/, "Android phone"],
  [/Android/, "Android tablet"],
  [/Mac OS X/, "Mac"],
  [/Windows/, "Windows computer"],
  [/CrOS/, "Chromebook"],
  [/Linux/, "Linux computer"],
];
const BROWSERS = [
  [/Edg/, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\/|FxiOS/, "Firefox"],
  [/Chrome\/|CriOS/, "Chrome"],
  [/Safari\//, "Safari"],
];

/** Such as "Chrome on Android phone". */
export function deviceName(userAgent = navigator.userAgent) {
  const first = (table) => table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [device, browser] = [first(DEVICES), first(BROWSERS)];
  return device && browser ? `${browser} on ${device}` : (device ?? "My device");
}
