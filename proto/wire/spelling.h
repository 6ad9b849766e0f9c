#ifndef MIRROR_PROTO_WIRE_SPELLING_H_
#define MIRROR_PROTO_WIRE_SPELLING_H_

namespace mirror {

/// Trailing metadata of a MirrorAdmin call: the tenant's own spelling, if the request had another case.
inline constexpr char kSpellingMetadata[] = "mirror-context-id";

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_SPELLING_H_
