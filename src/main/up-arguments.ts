// What `lockstep up` was told.
export type UpArguments = {
  home?: string;
  port?: string;
  base?: string;
  isPublic: boolean;
  isDetached: boolean;
  isJson: boolean;
};
