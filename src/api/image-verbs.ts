// What the doors may ask of images: what an app follows, who tells of news, logins, build secrets, and the registry of one's own.
import type { Platform } from './platform.ts';

export type ImageVerbs = Pick<
  Platform,
  | 'followedImage'
  | 'startImageDeploy'
  | 'buildSecrets'
  | 'changeBuildSecrets'
  | 'afterCommand'
  | 'changeAfterCommand'
  | 'listHooks'
  | 'createHook'
  | 'rotateHook'
  | 'deleteHook'
  | 'hearNotice'
  | 'listRegistries'
  | 'setRegistry'
  | 'forgetRegistry'
  | 'ownImages'
  | 'setImageVisibility'
  | 'setImageQuota'
  | 'tidyRegistry'
>;
