// Points by WebGL: positions and colours lie on the card; a frame sets three numbers and draws once.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#882255", "#999933", "#44aa99", "#aa4499", "#6b4423", "#5f6368"];
const RAMP = [[68, 84, 160], [42, 148, 144], [128, 190, 92], [250, 210, 60]];
const UNKNOWN = [150, 148, 142];

const VERTEX = `#version 300 es
in vec2 at; in vec3 ink; in float chosen;
uniform vec2 middle, stretch; uniform float size, dim;
out vec4 colour;
void main() {
  gl_Position = vec4((at - middle) * stretch, 0.0, 1.0);
  gl_PointSize = chosen > 0.5 ? size + 2.0 : size;
  colour = vec4(ink, mix(1.0, chosen > 0.5 ? 1.0 : 0.12, dim));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 colour; out vec4 pixel;
void main() {
  vec2 off = gl_PointCoord - 0.5;
  float ink = colour.a * smoothstep(0.25, 0.15, dot(off, off));
  pixel = vec4(colour.rgb * ink, ink);
}`;

export function painter(canvas, data) {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, powerPreference: "high-performance" });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  const place = Object.fromEntries(["middle", "stretch", "size", "dim"].map((name) => [name, gl.getUniformLocation(program, name)]));

  const buffers = {};
  function fill(name, array, width, kind, normalised) {
    const at = gl.getAttribLocation(program, name);
    buffers[name] ??= gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, normalised, 0, 0);
  }

  const both = new Float32Array(2 * data.count);
  for (let at = 0; at < data.count; at++) {
    both[2 * at] = data.x[at];
    both[2 * at + 1] = data.y[at];
  }
  fill("at", both, 2, gl.FLOAT, false);
  fill("chosen", new Uint8Array(data.count), 1, gl.UNSIGNED_BYTE, false);
  let some = false;
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const mixed = (share) => {
    const at = Math.min(share * (RAMP.length - 1), RAMP.length - 1.001);
    const [low, high] = [RAMP[Math.floor(at)], RAMP[Math.floor(at) + 1]];
    return low.map((one, axis) => Math.round(one + (high[axis] - one) * (at % 1)));
  };

  return {
    palette: (at) => COLOURS[at % COLOURS.length],
    ramp: (share) => `rgb(${mixed(share).join(" ")})`,
    colour(codes, ranked) {
      const known = ranked ? Array.from({ length: 255 }, (_, at) => mixed(at / 254)) : COLOURS.map(rgb);
      const inks = new Uint8Array(3 * data.count);
      for (let at = 0; at < data.count; at++) inks.set(codes[at] === 255 ? UNKNOWN : known[codes[at] % known.length], 3 * at);
      fill("ink", inks, 3, gl.UNSIGNED_BYTE, true);
    },
    choose(chosen) {
      const marks = new Uint8Array(data.count);
      for (const at of chosen) marks[at] = 1;
      some = chosen.length > 0;
      fill("chosen", marks, 1, gl.UNSIGNED_BYTE, false);
    },
    size() {
      const ratio = Math.min(devicePixelRatio, 2);
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = Math.round(canvas.clientHeight * ratio);
      gl.viewport(0, 0, canvas.width, canvas.height);
    },
    frame(view) {
      const ratio = canvas.width / canvas.clientWidth;
      const side = Math.min(canvas.clientWidth, canvas.clientHeight);
      gl.uniform2f(place.middle, view.x, view.y);
      gl.uniform2f(place.stretch, (view.zoom * side) / canvas.clientWidth, (view.zoom * side) / canvas.clientHeight);
      const few = data.count < 2_000 ? 9 : data.count < 20_000 ? 4 : 2.5;
      gl.uniform1f(place.size, ratio * Math.min(few * view.zoom ** 0.35, 16));
      gl.uniform1f(place.dim, some ? 1 : 0);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.drawArrays(gl.POINTS, 0, data.count);
    },
  };
}
