// A street as data: camera, light, boxes and things. Metres; X right, Z ahead, Y up.

export type RGB = readonly [number, number, number]

/** Class indices of the street scenes, in the order of `STREET_CLASSES`. */
export const SKY = 0
export const ROAD = 1
export const PAVEMENT = 2
export const BUILDING = 3
export const TREE = 4
export const POLE = 5
export const CAR = 6
export const PERSON = 7

/** Lengths relative to the image width, so that a scene is the same picture at any size. */
export interface Camera {
  readonly focal: number
  readonly centre: number
  /** Of the image height. */
  readonly horizon: number
  readonly eye: number
  /** Slope of the horizon. */
  readonly roll: number
}

export interface Light {
  /** Metres that a shadow moves in X and Z per metre of height. */
  readonly shadowX: number
  readonly shadowZ: number
  readonly sun: RGB
  readonly ambient: RGB
  readonly skyTop: RGB
  readonly skyLow: RGB
  readonly cloud: number
  /** Distance at which haze has taken half of the colour. */
  readonly haze: number
  /** 0 by day, 1 at late dusk: lit windows and lamps. */
  readonly dusk: number
}

/** An upright box on the ground: a building, or (label TREE) a hedge or a far row of trees. */
export interface Box {
  readonly label: number
  readonly x0: number
  readonly x1: number
  readonly z0: number
  readonly z1: number
  readonly height: number
  readonly colour: RGB
  readonly roof: number
  readonly storey: number
  readonly bay: number
  readonly seed: number
}

export interface Thing {
  readonly kind: 'car' | 'person' | 'tree' | 'pole'
  readonly x: number
  readonly z: number
  readonly height: number
  readonly colour: RGB
  readonly second: RGB
  /** Cars: 0 seen from behind, 1 from the front, 2 crossing. People, trees, poles: which form. */
  readonly form: number
  readonly seed: number
}

export interface Scene {
  readonly camera: Camera
  readonly light: Light
  readonly roadLeft: number
  readonly roadRight: number
  readonly wet: number
  readonly lane: number
  readonly zebra: number
  readonly boxes: readonly Box[]
  readonly things: readonly Thing[]
  readonly asphalt: RGB
  readonly paving: RGB
  readonly seed: number
}
