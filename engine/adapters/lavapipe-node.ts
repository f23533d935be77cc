// The one line that installs lavapipe, Mesa's software driver, on the system at hand.

import { readFileSync } from 'node:fs'

const packages = 'mesa-vulkan-drivers libvulkan1'

/** A shell command, as a person would type it. */
export function lavapipeCommand(): string {
  return commandFor(readOsRelease())
}

/** The command for a system whose /etc/os-release reads `release`. */
export function commandFor(release: string): string {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
  const family = `${field('ID')} ${field('ID_LIKE')}`
  if (/fedora|rhel/.test(family)) return 'sudo dnf install mesa-vulkan-drivers vulkan-loader'
  if (/arch/.test(family)) return 'sudo pacman -S vulkan-swrast vulkan-icd-loader'
  if (/suse/.test(family)) return 'sudo zypper install libvulkan_lvp libvulkan1'
  // Debian 12's own Mesa is 22.3, which Dawn refuses; its backports have a newer one.
  if (field('VERSION_CODENAME') === 'bookworm') {
    const suite = 'bookworm-backports'
    return (
      `echo 'deb http://deb.debian.org/debian ${suite} main' | ` +
      `sudo tee /etc/apt/sources.list.d/backports.list && sudo apt-get update && ` +
      `sudo apt-get install -t ${suite} ${packages}`
    )
  }
  return `sudo apt-get install ${packages}`
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}
