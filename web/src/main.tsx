/** Entry of the console. */
import './theme/tokens.css'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { startTexts } from './i18n'

startTexts()
const root = document.getElementById('root')
if (root) createRoot(root).render(<App />)
