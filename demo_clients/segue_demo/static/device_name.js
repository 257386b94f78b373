// A first guess at what to call this device; the person may change it, and the other device shows it as what we say of ourselves.
import { t, unmarked } from "./text.js";

const DEVICES = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android.*Mobile/, t("Android phone")],
  [/Android/, t("Android tablet")],
  [/Mac OS X/, "Mac"],
  [/Windows/, t("Windows computer")],
  [/CrOS/, "Chromebook"],
  [/Linux/, t("Linux computer")],
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
  return device && browser ? unmarked(t("{browser} on {device}", { browser, device })) : (device ?? t("My device"));
}
