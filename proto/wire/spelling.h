#ifndef MIRROR_PROTO_WIRE_SPELLING_H_
#define MIRROR_PROTO_WIRE_SPELLING_H_

namespace mirror {

/// Metadata behind a call of the MirrorAdmin: how the tenant is spelled that was asked for in another case.
inline constexpr char kSpellingMetadata[] = "mirror-context-id";

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_SPELLING_H_
