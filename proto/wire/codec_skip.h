#ifndef MIRROR_PROTO_WIRE_CODEC_SKIP_H_
#define MIRROR_PROTO_WIRE_CODEC_SKIP_H_

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>

namespace mirror {

/// Encoding of a field on the wire: the last three bits of its tag.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthBefore = 2, kFixed32 = 5 };

/// Skips one value. Returns false if the value is incomplete, or is a group: our messages have no groups.
inline bool SkipValue(std::uint32_t wire_type, google::protobuf::io::CodedInputStream& in) {
  std::uint64_t dropped = 0;
  std::uint32_t length = 0;
  switch (wire_type) {
    case kVarint:
      return in.ReadVarint64(&dropped);
    case kFixed64:
      return in.Skip(8);
    case kFixed32:
      return in.Skip(4);
    case kLengthBefore:
      return in.ReadVarint32(&length) && length <= INT32_MAX && in.Skip(static_cast<int>(length));
    default:
      return false;
  }
}

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_CODEC_SKIP_H_
