// A QR code as SVG nodes, drawn in the page: the fragment in it never reaches a server.
const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4; // modules of quiet zone, as ISO/IEC 18004 wants

/** Show `text` in `place` as an `<svg>`; the encoder is loaded when the first code is wanted, and without it the place stays empty. */
export async function showQRCode(place, text, label) {
  const { default: encodeQR } = await import("./vendor/qr/index.js");
  place.replaceChildren(drawn(encodeQR, text, label));
}

/** Dark on white in every colour scheme, for that is what cameras read best. */
function drawn(encodeQR, text, label) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: QUIET });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const paper = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: "#fff" })) paper.setAttribute(name, value);
  const ink = document.createElementNS(SVG, "path");
  ink.setAttribute("fill", "#000");
  ink.setAttribute("d", rows.map(pathOfRow).join(""));
  svg.append(paper, ink);
  return svg;
}

function pathOfRow(row, y) {
  let path = "";
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue;
    const begin = x;
    while (row[x + 1]) x++;
    path += `M${begin} ${y}h${x - begin + 1}v1H${begin}z`;
  }
  return path;
}
