// How one comes to two networks, for those who have none yet.

export function Guide() {
  return (
    <ol class="guide">
      <li>
        <strong>Train two networks</strong>, which takes twenty minutes together on two cores. They
        learn drawn scenes of things that touch; with <code>--data FOLDER</code> they learn classes
        of your own.
        <pre>
          {'atrous train fcrn-small --data crowd --out runs/category\n'}
          {'atrous train localization-small --data crowd --out runs/boxes'}
        </pre>
      </li>
      <li>
        <strong>Drop both checkpoints</strong> here: each run folder holds a{' '}
        <code>checkpoint-best.safetensors</code>. What <code>eval-instances --search</code> found,{' '}
        <code>instances.json</code> beside the second, may come with them.
      </li>
      <li>
        <strong>Drop pictures</strong>, or have a crowded scene drawn. Their objects appear here, to
        be looked at one by one and saved.
      </li>
    </ol>
  )
}
