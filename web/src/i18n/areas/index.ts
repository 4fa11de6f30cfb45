/** All areas of texts. A new area is one file here and one line below. */
import { admin } from './admin'
import { app } from './app'
import { calls } from './calls'
import { cases } from './cases'
import { codes, errors } from './codes'
import { desk } from './desk'
import { dispatch } from './dispatch'
import { event } from './event'
import { meetings } from './meetings'
import { sms } from './sms'
import { wall } from './wall'

export const areas = {
  app,
  code: codes,
  error: errors,
  desk,
  calls,
  cases,
  event,
  wall,
  admin,
  dispatch,
  meetings,
  sms,
}
