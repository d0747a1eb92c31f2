"""What explorers draw with: palette, pictures, charts, stacks of images, and the JavaScript.

Uses `methods` (titles, colours, dashes) and `training.traces`; `views` also `data`.

| file | holds |
|---|---|
| `palette` | colours, dashes and titles of networks, layers and cells |
| `picture` | `Picture`, a matplotlib figure with its sentence, and what is drawn on one |
| `views` | a picture of a set's weak and strong views |
| `svg` | line charts as SVG text |
| `tiles` | images with outlines and cells as HTML text |
| `stack` | `Stack`, the arrays and the description that the browser draws |
| `viewer` | `show`, the widget of a stack |
| `page` | `to_html`, an explorer as one HTML file |
| `twin` | what makes a widget leave a picture in a saved notebook |
| `maps` | checks of a trace, and the numbers that explorers read from it |
| `js/`, `bundle/`, `stack.css` | what the browser runs; `make js` writes `bundle/` from `js/` |

Outlines of masks are drawn in three places, each for one kind of picture:

- a still picture, which is what a figure or a saved notebook shows: `picture.draw_outline`,
  with matplotlib;
- a widget whose pictures the kernel makes anew when a slider moves, as the UMIX lab and the monitor
  do: `tiles.outline`, as SVG text, which is ready long before a matplotlib figure would be;
- a widget that moves without asking the kernel, as all viewers of a stack do, and the UMIX lab as a
  page of its own: `js/outline.js`, on a canvas.

All three run through the middles of pixel edges, and take colours and dashes from `palette`.
"""
