#include "server/rpc/message_check.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/codec_skip.h"

namespace mirror {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

/// The most memory of an entry beside its bytes.
constexpr std::uint64_t kEntryBytes = 200;
/// An array of unknown length is moved to one of twice its size when it is full.
constexpr std::uint64_t kGrowth = 2;

enum class Count { kFits, kTooMany, kBroken };

/// Returns whether each value of a field is an object of its own in memory, however small on the wire.
/// Numbers are not. For a single text, only the last value is kept.
bool IsEntry(const FieldDescriptor* field) {
  return field == nullptr || field->message_type() != nullptr ||
         (field->is_repeated() && !field->is_packable());
}

bool IsFixed(FieldDescriptor::Type type) {
  switch (type) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED64:
    case FieldDescriptor::TYPE_SFIXED32:
      return true;
    default:
      return false;
  }
}

/// Returns the size of one number of an array in memory; 0: the field is no array of numbers.
std::uint64_t NumberBytes(const FieldDescriptor* field) {
  if (field == nullptr || !field->is_repeated()) return 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return 8;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
      return 4;
    case FieldDescriptor::CPPTYPE_BOOL:
      return 1;
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return 0;
  }
  return 0;
}

/// Counts the varints in the next `length` bytes: each ends at a byte without the high bit.
bool CountVarints(CodedInputStream& in, std::uint32_t length, std::uint64_t& count) {
  while (length > 0) {
    const void* piece = nullptr;
    int size = 0;
    if (!in.GetDirectBufferPointer(&piece, &size)) return false;
    const auto taken = static_cast<int>(std::min<std::uint32_t>(static_cast<std::uint32_t>(size), length));
    const auto* const begin = static_cast<const unsigned char*>(piece);
    count += static_cast<std::uint64_t>(
        std::count_if(begin, begin + taken, [](unsigned char byte) { return byte < 0x80; }));
    if (!in.Skip(taken)) return false;
    length -= static_cast<std::uint32_t>(taken);
  }
  return true;
}

struct EntryCount {
  std::uint64_t entries = 0;
  std::uint64_t number_bytes = 0;  ///< Of arrays in memory, beyond their bytes on the wire.

  void Add(std::uint64_t memory_bytes, std::uint64_t wire_bytes) {
    if (memory_bytes > wire_bytes) number_bytes += memory_bytes - wire_bytes;
  }
};

/// Skips a value that is no message, and counts it if it is one number of an array, or many.
bool TakeValue(const FieldDescriptor* field, std::uint32_t wire_type, CodedInputStream& in,
               EntryCount& counted) {
  const std::uint64_t each = NumberBytes(field);
  if (each == 0 || wire_type == kFixed64 || wire_type == kFixed32) return SkipValue(wire_type, in);
  if (wire_type != kLengthBefore) {
    counted.Add(kGrowth * each, 2);
    return SkipValue(wire_type, in);
  }
  std::uint32_t length = 0;
  if (!in.ReadVarint32(&length) || length > INT32_MAX) return false;
  if (IsFixed(field->type())) return in.Skip(static_cast<int>(length));  // As large here as on the wire.
  std::uint64_t numbers = 0;
  const bool read = CountVarints(in, length, numbers);
  counted.Add(kGrowth * numbers * each, length);
  return read;
}

/// Counts the entries of a message. Skips the content of texts.
Count TakeEntries(const Descriptor& type, CodedInputStream& in, std::uint64_t entries_max,
                  EntryCount& counted) {
  while (const std::uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3U));
    const Descriptor* inner = field == nullptr ? nullptr : field->message_type();
    if (IsEntry(field) && ++counted.entries > entries_max) return Count::kTooMany;
    if (inner == nullptr || (tag & 7U) != kLengthBefore) {
      if (!TakeValue(field, tag & 7U, in, counted)) return Count::kBroken;
      continue;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length) || length > INT32_MAX) return Count::kBroken;
    const CodedInputStream::Limit around = in.PushLimit(static_cast<int>(length));
    const Count inside = TakeEntries(*inner, in, entries_max, counted);
    if (inside != Count::kFits) return inside;
    if (in.BytesUntilLimit() != 0) return Count::kBroken;
    in.PopLimit(around);
  }
  return Count::kFits;
}

absl::Status Broken(const std::string& name) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the bytes of the call are not a ", name,
      ", or a text in it is not UTF-8. Nothing of it was applied. Encode it as the .proto files say."));
}

}  // namespace

absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message, const AdmitBytes& admit) {
  const Descriptor& type = *message->GetDescriptor();
  if (!bytes->Valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the call has no message. Nothing was done. Send one ", type.name(), "."));
  }
  {
    grpc::ProtoBufferReader reader(bytes);
    CodedInputStream in(&reader);
    EntryCount counted;
    const Count count = TakeEntries(type, in, entries_max, counted);
    if (count == Count::kBroken) return Broken(type.name());
    if (count == Count::kTooMany) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a ", type.name(), " with more than ", entries_max,
          " entries (tables, columns, batches and the like, together). Nothing of it was applied. "
          "Send less at a time."));
    }
    const std::uint64_t more = counted.number_bytes + kEntryBytes * counted.entries;
    RETURN_IF_ERROR(admit ? admit(more) : absl::OkStatus());
  }
  grpc::ProtoBufferReader reader(bytes);
  const bool parsed = message->ParseFromZeroCopyStream(&reader);
  bytes->Clear();
  return parsed ? absl::OkStatus() : Broken(type.name());
}

}  // namespace mirror
