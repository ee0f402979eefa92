// @ts-check
/**
 * What the page asks for, whoever computes it: a server (`server_source.js`), the browser itself
 * (`browser_source.js`), or nobody any more (`stored_source.js`). This file holds types only, and the one error both raise.
 *
 * Everywhere: stages count from 1, blocks and heads from 0, and head `null` is the mean over heads;
 * pixels are those of the picture, x to the right, y down, from the top left; maps are row-major.
 */

/**
 * @typedef {"global" | "hybrid" | "window"} Reach  How far stage 3 looks.
 *
 * @typedef {object} Setting  What a picture is labelled with.
 * @property {string} model
 * @property {Reach} reach
 * @property {number} windowSize  Side of a window in tokens; used by "window" and "hybrid".
 * @property {number} [shortSide]  Pixels the network sees on the short side, if not the model's own.
 * @property {boolean} [untrained]  Random weights instead of the model's own.
 */

/**
 * @typedef {"segment" | "classify"} Task  A class of every pixel, or one of the whole picture, which
 *   then is the label of all its pixels; to segment unless told otherwise.
 *
 * @typedef {object} ModelInfo
 * @property {string} name
 * @property {string} title
 * @property {string} knows  One short line: what it knows, and how well.
 * @property {Task} [task]
 * @property {boolean} available  Whether it can be asked right now.
 * @property {string} missing  Where it can be had, if it is not available; else "".
 * @property {Reach} reach  The reach it was trained with.
 * @property {number} windowSize
 * @property {Reach[]} reaches  Those it can be switched to.
 * @property {number[]} shortSides  At which it can be shown a picture, in pixels; its own first.
 * @property {Record<string, Record<string, string>>} [spoken]  By language, what `title` and `knows`
 *   are in it; without it they are in the page's language already.
 *
 * @typedef {object} Example
 * @property {string} name
 * @property {string} title
 * @property {string} alt  What is to be seen, for those who cannot see it.
 * @property {string} credit
 * @property {string} thumbnail  Address of a small picture.
 *
 * @typedef {object} Parameter  One thing a layer can be asked with, as its question declares it.
 * @property {string} name
 * @property {"int" | "float" | "str" | "bool"} kind
 * @property {string} title
 * @property {string} help
 * @property {(string | number | boolean)[] | null} choices
 * @property {string | number | boolean | null} default
 * @property {boolean} optional
 * @property {number} [low]
 * @property {number} [high]
 *
 * @typedef {"stages" | "certainty" | "field" | "why" | "whatif" | "research"} Group
 *
 * @typedef {"pixel" | "segment" | "class" | "mask" | "picture"} Region
 *
 * @typedef {object} LayerKind  A layer that can be asked for; made from the registries.
 * @property {string} id
 * @property {Group} group
 * @property {string} title
 * @property {string} help  One line that explains it to someone who has never heard of it.
 * @property {string} [misleads]  How it can mislead.
 * @property {Parameter[]} parameters
 * @property {Region[]} regions  What it can be about; the first is meant unless told otherwise.
 * @property {boolean} live  Answers by itself, without a button.
 * @property {number} seconds  About how long it takes on the picture of the first example.
 * @property {boolean} against  Whether it can ask "this class rather than that one".
 *
 * @typedef {object} Catalog
 * @property {ModelInfo[]} models
 * @property {LayerKind[]} layers
 * @property {Example[]} examples
 * @property {Setting & {example: string}} first  What the page opens with.
 * @property {string[]} [elsewhere]  Titles of what only the app can compute, if this is not the app.
 * @property {{labels: TakeAwayKind[], class?: TakeAwayKind[], layers: TakeAwayKind[]}} takeAway
 *   Kinds of file there are of labels, of the class of a whole picture, and of layers.
 * @property {boolean} [alone]  There is one picture, as it was labelled, and nothing can be opened,
 *   labelled again or computed.
 * @property {{frames: number, seconds: number}} [film]  Most of a film; absent where none is labelled.
 * @property {number} fileBytes  The largest file that can be opened.
 */

/**
 * @typedef {object} ClassInfo
 * @property {number} index
 * @property {string} name
 * @property {string} color  "#rrggbb", the data set's own.
 * @property {string} safeColor  Told apart with any colour vision, in this picture.
 * @property {number} share  Of the picture's pixels, 0 to 1; 0 for classes that are not in it.
 * @property {number} meanConfidence  0 to 1; 0 for classes that are not in it.
 *
 * @typedef {object} StageInfo
 * @property {number} stage  1 to 4.
 * @property {number} stride  Pixels of the network's input per token.
 * @property {number} rows
 * @property {number} columns
 * @property {number} tokenWidth  Pixels of the picture per token, not whole in general.
 * @property {number} tokenHeight
 * @property {number} depth  Blocks.
 * @property {number} heads  1 for local stages, which have none.
 * @property {(number | null)[]} windows  Per block its window's side in tokens; null is the whole map.
 * @property {"local" | "global"} kind
 * @property {boolean} [pruned]  Its blocks pass a part of the tokens only, and have no rows.
 *
 * @typedef {object} Picture  A labelled picture.
 * @property {string} key  Cannot be guessed; names the result until it is dropped.
 * @property {string} title
 * @property {string} alt
 * @property {string} credit
 * @property {string | null} example  Its name, if it is one of the examples.
 * @property {number} width
 * @property {number} height
 * @property {string} image  Address of the photo as it stands upright.
 * @property {Uint8Array | Uint16Array} labels  height x width class indices.
 * @property {number} mapHeight
 * @property {number} mapWidth
 * @property {Uint8Array} confidence  mapHeight x mapWidth, percent.
 * @property {Uint8Array} entropy  Percent of log(number of classes).
 * @property {Uint8Array} margin  Percent between the first and the second class.
 * @property {ClassInfo[]} classes  All the model knows, by index.
 * @property {StageInfo[]} stages
 * @property {Setting} setting
 * @property {{name: string, title: string, knows: string, trained: boolean, task?: Task}} model
 * @property {string[]} notices  Whole sentences that must be seen.
 * @property {Record<string, Record<string, string>>} [spoken]  By language, what `knows` and
 *   `notices` are in it; without it they are in the page's language already.
 * @property {number} seconds  What labelling took; 0 where nobody knows.
 *
 * @typedef {Omit<Picture, "labels" | "confidence" | "entropy" | "margin">} Known  It without its maps.
 */

/**
 * @typedef {object} GlobalBlock  What attention rows of a block are made of.
 * @property {"global"} kind
 * @property {number} stage
 * @property {number} block
 * @property {number} heads
 * @property {number} headSize
 * @property {number} rows
 * @property {number} columns
 * @property {number | null} window  Side in tokens; null is the whole map.
 * @property {Float32Array} q  (heads, rows * columns, headSize), already times headSize ** -0.5.
 * @property {Float32Array} k  (heads, rows * columns, headSize).
 * @property {Float32Array} paddingKey  (heads, headSize), the key of all padding of a window.
 *
 * @typedef {object} LocalBlock  What the 5 x 5 convolution of a block added up.
 * @property {"local"} kind
 * @property {number} stage
 * @property {number} block
 * @property {number} rows
 * @property {number} columns
 * @property {Float32Array} norms  (25, rows, columns), the norm of what each neighbour adds.
 * @property {Float32Array} kernel  (25,), the norm of the kernel at each place.
 *
 * @typedef {GlobalBlock | LocalBlock} Block
 */

/**
 * @typedef {object} Ask  A layer of this picture, about this place.
 * @property {string} layer  Id of a LayerKind.
 * @property {number} x
 * @property {number} y
 * @property {Region} region
 * @property {Uint8Array} [mask]  height * width bits, most significant first, if the region is "mask".
 * @property {number} [label]  Class asked about; that of the pixel if left out.
 * @property {number} [against]  Class it is compared with.
 * @property {Record<string, string | number | boolean | null>} parameters
 *
 * @typedef {object} Scale  How values become colours, and how they are said.
 * @property {"sequential" | "diverging" | "ratio" | "categorical"} kind
 * @property {number} low
 * @property {number} high
 * @property {string} unit
 * @property {string} words  What much and little mean, in one line.
 *
 * @typedef {object} NumberInfo
 * @property {string} [key]  Its name in files and answers of programs.
 * @property {string} name
 * @property {number | string | null} value
 * @property {number | null} error  Standard error or half the interval, in the same unit.
 * @property {string} unit
 * @property {string} help
 * @property {boolean} [first]  Shown before "all numbers".
 *
 * @typedef {object} Box  In pixels of the picture.
 * @property {number} left
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 * @property {string} name
 * @property {string} [says]  For example its sides with their error.
 *
 * @typedef {object} Series  One line of a plot.
 * @property {string} name
 * @property {number[]} x
 * @property {number[]} y
 * @property {number[]} [low]
 * @property {number[]} [high]
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} xTitle
 * @property {string} yTitle
 * @property {Series[]} series
 *
 * @typedef {object} Layer  An answer, ready to be laid over the picture.
 * @property {string} id
 * @property {"map" | "boxes" | "labels" | "plot"} kind
 * @property {Float32Array | Uint8Array | Uint16Array} [map]  rows x columns; labels are class indices.
 * @property {number} rows
 * @property {number} columns
 * @property {number} tokenWidth  Pixels of the picture per value.
 * @property {number} tokenHeight
 * @property {Scale} scale
 * @property {Box[]} [boxes]
 * @property {Plot[]} [plots]
 * @property {string} sentence  The answer.
 * @property {string} grade  "exact", "statistic", "causal" or "heuristic".
 * @property {string} misleads  How it can mislead, in one line.
 * @property {NumberInfo[]} numbers
 * @property {{title: string, head: string[], rows: (string | number)[][]}[]} [tables]
 * @property {number | null} seconds  Null while the last answer is on its way.
 *
 * @typedef {object} Partial  How far a layer is.
 * @property {number} done
 * @property {number} total
 * @property {number} ahead  Others' questions to be answered before this one.
 * @property {string} [words]
 * @property {Float32Array} [map]  What is known so far; NaN elsewhere.
 * @property {number} [rows]
 * @property {number} [columns]
 * @property {number} [tokenWidth]
 * @property {number} [tokenHeight]
 * @property {Scale} [scale]
 * @property {Uint8Array} [preview]  JPEG of the frame of a film that was labelled last.
 * @property {Layer} [layer]  A whole answer that says less than the last one will: show it.
 *
 * @typedef {"png" | "svg" | "pdf" | "npz" | "csv" | "json" | "python" | "command" | "html" | "masks" | "coco" | "coco-panoptic" | "labelme" | "label-studio" | "cvat" | "geojson"} TakeAwayKind
 *
 * @typedef {object} Stop
 * @property {AbortSignal} [signal]  Stops the work within a second, wherever it is done.
 *
 * @typedef {Stop & {onPartial?: (partial: Partial) => void}} Watch  Also told how far the work is.
 */

/**
 * @typedef {object} Source  Who computes.
 * @property {(language: string) => Promise<Catalog>} catalog
 * @property {(what: Blob | {example: string}, setting: Setting, stop?: Watch) => Promise<Picture>} open
 * @property {(picture: Known, setting: Setting, stop?: Watch) => Promise<Picture>} relabel
 *   The same picture in another setting; used by "compare with", too.
 * @property {(picture: Picture, stage: number, block: number, stop?: Stop) => Promise<Block>} block
 * @property {(picture: Picture, x: number, y: number, stop?: Stop) => Promise<Float32Array>} probabilities
 *   One probability per class at a pixel, of the logits resized to the picture.
 * @property {(picture: Picture, ask: Ask, stop?: Watch) => Promise<Layer>} layer
 * @property {(picture: Picture, ask: Ask | null, kind: TakeAwayKind, stop?: Stop) => Promise<Blob>} takeAway
 *   Of a layer, or of the labels if `ask` is null.
 * @property {(file: File, setting: Setting, watch?: Watch) => Promise<LabelledFilm>} [film]
 *   A film, each frame labelled as a photo; absent where none can be labelled.
 * @property {(file: File, stop?: Watch) => Promise<ModelInfo>} [addModel]
 *   A checkpoint of the visitor's own, which nobody else can ask; absent where none can be taken.
 */

/**
 * @typedef {object} LabelledFilm
 * @property {Blob} film  WebM, without sound.
 * @property {Blob} table  CSV: a row per frame, with the share of each class.
 * @property {number} seconds  What labelling took.
 * @property {{name: string, color: string, share: number}[]} classes  With their mean share of a frame,
 *   the largest first.
 * @property {string[]} notices
 * @property {Record<string, Record<string, string>>} [spoken]  The notices, as in a picture.
 */

/** What went wrong, in one sentence for people. */
export class SourceError extends Error {
  /**
   * @param {string} sentence
   * @param {Record<string, string[]>} keys  Of a checkpoint that does not fit, by what is wrong.
   */
  constructor(sentence, keys = {}) {
    super(sentence);
    this.name = "SourceError";
    this.sentence = sentence;
    this.keys = keys;
  }
}
