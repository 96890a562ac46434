"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const graph = document.getElementById("graph"), detail = document.getElementById("detail");
  const search = document.getElementById("search"), found = document.getElementById("found");
  const nodes = data.nodes.map(([name, parent, base, next], id) =>
    ({ id, name: data.names[name], parent, base, next, size: Math.max(base, next), kids: [], depth: 0 }));
  for (const node of nodes.slice(1)) {
    node.depth = nodes[node.parent].depth + 1;
    nodes[node.parent].kids.push(node);
  }
  const ROW = 19;
  let root = nodes[0], shown = [], needle = "";

  // How much more of it there is: -1 (all gone) to 1 (twice as much, or new).
  const change = (node) => node.base ? Math.max(-1, Math.min(1, (node.next - node.base) / node.base)) : 1;
  // Never so dark that a name in its box has less than 4.5 to 1 of contrast.
  const colour = (node) => {
    const part = Math.round(Math.abs(change(node)) * 37);
    return `hsl(${change(node) > 0 ? 8 : 215} 80% ${97 - part}%)`;
  };
  const sign = (node) => Math.abs(change(node)) < 0.05 ? "" : change(node) > 0 ? "+ " : "− ";
  const percent = (value) => `${(100 * value).toFixed(2)}%`;
  const said = (node) => `${node.name}: ${percent(node.base)} of BASE, ${percent(node.next)} of NEW`;

  function place(node, left, width, out) {
    if (width < 1.5) return;
    out.push({ node, left, width });
    const sum = node.kids.reduce((total, kid) => total + kid.size, 0);
    const unit = width / Math.max(node.size, sum);
    let at = left;
    for (const kid of node.kids.slice().sort((a, b) => a.name < b.name ? -1 : 1)) {
      place(kid, at, kid.size * unit, out);
      at += kid.size * unit;
    }
  }

  function draw(focus) {
    const out = [];
    const above = [];
    for (let node = root; node.parent >= 0; node = nodes[node.parent]) above.unshift(nodes[node.parent]);
    const width = graph.clientWidth;
    above.forEach((node) => out.push({ node, left: 0, width }));
    place(root, 0, width, out);
    shown = out.map(({ node, left, width: wide }) => {
      const box = document.createElement("button");
      box.type = "button";
      box.tabIndex = -1;
      box.setAttribute("role", "treeitem");
      box.setAttribute("aria-label", said(node));
      box.setAttribute("aria-level", node.depth + 1);
      box.title = said(node);
      box.textContent = wide > 24 ? sign(node) + node.name : "";
      box.style.cssText = `left:${left}px;top:${node.depth * ROW}px;width:${Math.max(wide, 1.5)}px;background:${colour(node)}`;
      if (needle) box.classList.add(node.name.toLowerCase().includes(needle) ? "hit" : "miss");
      box.addEventListener("click", () => zoom(node));
      box.addEventListener("focus", () => { detail.textContent = said(node); });
      box.addEventListener("mouseenter", () => { detail.textContent = said(node); });
      return { node, left, box };
    });
    graph.replaceChildren(...shown.map((each) => each.box));
    graph.style.height = `${(Math.max(...shown.map((each) => each.node.depth)) + 1) * ROW + 4}px`;
    const target = shown.find((each) => each.node === (focus || root)) || shown[0];
    target.box.tabIndex = 0;
    if (focus) target.box.focus();
  }

  function zoom(node) {
    root = node;
    draw(node);
  }

  function move(node, key) {
    const row = shown.filter((each) => each.node.depth === node.depth).sort((a, b) => a.left - b.left);
    const at = row.findIndex((each) => each.node === node);
    if (key === "ArrowLeft") return row[at - 1];
    if (key === "ArrowRight") return row[at + 1];
    if (key === "ArrowUp") return shown.find((each) => each.node.id === node.parent);
    return shown.filter((each) => each.node.parent === node.id).sort((a, b) => b.node.size - a.node.size)[0];
  }

  graph.addEventListener("keydown", (event) => {
    const here = shown.find((each) => each.box === document.activeElement) || shown[0];
    if (event.key.startsWith("Arrow")) {
      const next = move(here.node, event.key);
      if (next) {
        here.box.tabIndex = -1;
        next.box.tabIndex = 0;
        next.box.focus();
      }
      event.preventDefault();
    } else if (event.key === "Escape") {
      zoom(root.parent >= 0 ? nodes[root.parent] : root);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      search.focus();
      event.preventDefault();
    }
  });
  search.addEventListener("input", () => {
    needle = search.value.trim().toLowerCase();
    // The share of all stacks that have a match: nodes below a match are in it already.
    let base = 0, next = 0;
    const walk = (node) => {
      if (needle && node.name.toLowerCase().includes(needle)) {
        base += node.base;
        next += node.next;
      } else node.kids.forEach(walk);
    };
    walk(nodes[0]);
    found.textContent = needle ? `${percent(base)} of BASE, ${percent(next)} of NEW` : "";
    draw();
  });
  document.getElementById("reset").addEventListener("click", () => zoom(nodes[0]));
  window.addEventListener("resize", () => draw());
  draw();
})();
