// What Python sends: the types at the boundary, nothing that runs. `Stack` in stack.py writes a `Spec`, and
// `StackWidget` in viewer.py the traits around it; a change there needs one here.

/**
 * An array of the packed data, `Stored` reads it.
 * @typedef {object} Ref
 * @property {number} offset where it begins, in bytes
 * @property {number} length how many elements it has
 * @property {"u1" | "f4"} type bytes or float32
 * @property {Object<string, number>} strides elements from one index to the next, by name of an axis
 */

/**
 * A slider over the positions of one axis.
 * @typedef {object} Control
 * @property {string} name of the axis
 * @property {string} label
 * @property {(string | number)[]} values what is written beside the slider at each position
 * @property {number} start
 * @property {boolean} play whether the play button moves it
 */

/**
 * What may be drawn on an image. Panels say which arrays it reads: an outline or a map one, "differ" two
 * masks, "above" the index of the first level at which a pixel is kept.
 * @typedef {object} Layer
 * @property {string} key
 * @property {string} label
 * @property {"outline" | "map" | "differ" | "above"} kind
 * @property {boolean} on whether it is shown at first
 * @property {string | string[]} colour `#rrggbb`; of a map a few along its scale
 * @property {number[]} [dash] of an outline, in widths of the line
 * @property {string} [halo] of an outline
 * @property {boolean} [hatch] stripes instead of a surface
 * @property {string} [control] of "above": whose position chooses the level
 * @property {number[]} [levels] of "above"
 */

/**
 * A number below an image.
 * @typedef {object} Readout
 * @property {string} label
 * @property {Ref} ref
 * @property {number} scale by which the number is multiplied
 * @property {string} unit
 * @property {number} digits after the point
 */

/**
 * An image with its layers.
 * @typedef {object} PanelSpec
 * @property {string} title
 * @property {Ref} base the image; with an axis `c` it has colours
 * @property {Object<string, Ref[]>} layers the arrays of each layer that it has, by key
 * @property {Readout[]} readouts
 * @property {number} height in pixels of the image
 * @property {number} width
 * @property {string} y the axis that runs down, one of the controls where planes cross
 * @property {string} x the axis that runs across
 * @property {string[]} classes names of the mask's classes
 * @property {boolean} [cross] whether a cross marks the position, and a click moves it
 * @property {number} [stretch] height of a pixel, of its width
 */

/**
 * A line of a chart that Python has drawn.
 * @typedef {object} LineSpec
 * @property {string} label
 * @property {string} colour
 * @property {string} dash as SVG has it
 * @property {Ref | null} ref its values where the cursor stands
 */

/**
 * A line that is drawn anew at each position.
 * @typedef {object} MovingLine
 * @property {string} label
 * @property {string} colour
 * @property {string} dash as SVG has it
 * @property {Ref} x with an axis `level`
 * @property {Ref} y with an axis `level`
 * @property {number} count how many points it has
 * @property {string | null} marker the control whose position a dot marks
 */

/**
 * A chart on one scale.
 * @typedef {object} FrameSpec
 * @property {string} svg the chart without what moves
 * @property {{x: number[], y: number[], left: number, right: number, top: number, bottom: number}} box
 *   its scales, and the plotted region in units of the view box
 */

/**
 * @typedef {object} ChartSpec
 * @property {FrameSpec[]} frames one, or one for each position of the control `by`
 * @property {string} by the control whose position says which frame is drawn, or ""
 * @property {LineSpec[]} lines
 * @property {MovingLine[]} moving
 * @property {string} control that the cursor follows, or ""
 * @property {number[] | null} positions of the cursor, in units of x
 */

/**
 * @typedef {object} Spec
 * @property {string} label of the whole explorer, for screen readers
 * @property {Control[]} controls
 * @property {Layer[]} layers in the order they are drawn
 * @property {PanelSpec[]} panels
 * @property {ChartSpec[]} charts
 * @property {boolean} blended whether there are filled layers, whose opacity can be changed
 * @property {Ref} [lut] the colours of the map layer, 256 x RGBA
 * @property {{max: number, name: string}} [unit] what the end of that scale stands for
 */

/**
 * Where the reader stands: the index of every control, by its name.
 * @typedef {Object<string, number>} Position
 */

export {};
