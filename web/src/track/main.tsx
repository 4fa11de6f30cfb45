/** The citizen's entry: how far is my matter. No component library, no router: loads fast on an old phone. */
import '../theme/tokens.css'
import './track.css'
import { createRoot } from 'react-dom/client'
import { TrackPage } from './TrackPage'

const root = document.getElementById('root')
if (root) createRoot(root).render(<TrackPage />)
