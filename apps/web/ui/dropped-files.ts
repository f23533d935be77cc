// The files of a drop, folders walked through.

export interface DroppedFile {
  readonly file: File
  /** In a folder that was dropped or chosen its name comes first, as in `my-photos/images/1.png`. */
  readonly path: string
}

/** Of the event itself: entries are only there until it is over. */
export async function droppedFiles({
  items,
  files,
}: Pick<DataTransfer, 'items' | 'files'>): Promise<DroppedFile[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.())
  if (!entries.some((entry) => entry?.isDirectory))
    return [...files].map((file) => ({ file, path: file.name }))
  const found = await Promise.all(entries.map((entry) => (entry ? filesOf(entry, '') : [])))
  return found.flat()
}

async function filesOf(entry: FileSystemEntry, before: string): Promise<DroppedFile[]> {
  const path = before + entry.name
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    return [{ file, path }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const all: DroppedFile[] = []
  // A reader gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (!some.length) return all
    for (const inner of some) all.push(...(await filesOf(inner, `${path}/`)))
  }
}
