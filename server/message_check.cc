#include "server/message_check.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

enum class Count { kFits, kTooMany, kBroken };
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

bool SkipValue(std::uint32_t wire_type, CodedInputStream& in) {
  std::uint64_t dropped = 0;
  std::uint32_t length = 0;
  switch (wire_type) {
    case kVarint:
      return in.ReadVarint64(&dropped);
    case kFixed64:
      return in.Skip(8);
    case kFixed32:
      return in.Skip(4);
    case kLength:
      return in.ReadVarint32(&length) && length <= INT32_MAX && in.Skip(static_cast<int>(length));
    default:  // Groups, which no message here has.
      return false;
  }
}

/// Whether each value of a field is an object of its own in memory, however little it is on the wire.
/// Arrays of numbers are not, and of a single text the last one replaces those before it.
bool IsEntry(const FieldDescriptor* field) {
  return field == nullptr || field->message_type() != nullptr ||
         (field->is_repeated() && !field->is_packable());
}

/// Takes the entries of a message off `left`. It looks at fields, not at values: what a text or an array
/// holds is skipped.
Count TakeEntries(const Descriptor& type, CodedInputStream& in, std::uint64_t& left) {
  while (const std::uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3U));
    const Descriptor* inner = field == nullptr ? nullptr : field->message_type();
    if (IsEntry(field)) {
      if (left == 0) return Count::kTooMany;
      --left;
    }
    if (inner == nullptr || (tag & 7U) != kLength) {
      if (!SkipValue(tag & 7U, in)) return Count::kBroken;
      continue;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length) || length > INT32_MAX) return Count::kBroken;
    const CodedInputStream::Limit around = in.PushLimit(static_cast<int>(length));
    const Count counted = TakeEntries(*inner, in, left);
    if (counted != Count::kFits) return counted;
    if (in.BytesUntilLimit() != 0) return Count::kBroken;
    in.PopLimit(around);
  }
  return Count::kFits;
}

absl::Status Broken(const std::string& name) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the bytes of the call are no ", name,
      ", or a text in it is not UTF-8. Nothing of it was applied. Encode it as the .proto files say."));
}

}  // namespace

absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  if (!bytes->Valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the call has no message. Nothing was done. Send one ", type.name(), "."));
  }
  {
    grpc::ProtoBufferReader reader(bytes);
    CodedInputStream in(&reader);
    std::uint64_t left = entries_max;
    const Count counted = TakeEntries(type, in, left);
    if (counted == Count::kBroken) return Broken(type.name());
    if (counted == Count::kTooMany) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a ", type.name(), " with more than ", entries_max,
          " entries (tables, columns, batches and the like, together). Nothing of it was applied. "
          "Send less at a time."));
    }
  }
  grpc::ProtoBufferReader reader(bytes);
  const bool parsed = message->ParseFromZeroCopyStream(&reader);
  bytes->Clear();
  return parsed ? absl::OkStatus() : Broken(type.name());
}

}  // namespace mirror
