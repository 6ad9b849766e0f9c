#include "client/source/mariadb/binlog_event.h"

#include <zlib.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace mirror::binlog {
namespace {

constexpr std::size_t kVersionBytes = 50;
constexpr std::uint8_t kNoChecksum = 0, kCrc32 = 1;
/// Flags of a GTID event (log_event.h of MariaDB).
constexpr std::uint8_t kFlagStandalone = 0x01;
constexpr std::uint8_t kFlagDdl = 0x20;
constexpr std::uint8_t kFlagXaPrepare = 0x40;
constexpr std::uint8_t kFlagXaComplete = 0x80;

absl::Status NoSuchEvent(const char* what) {
  return absl::DataLossError(absl::StrCat("the binlog's ", what, " cannot be understood"));
}

bool HasChecksum(std::string_view data) {
  if (data.size() < kHeaderBytes + kChecksumBytes) return false;
  const std::size_t size = data.size() - kChecksumBytes;
  const uLong found = crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(size));
  return found == LittleEndian(data.substr(size));
}

}  // namespace

absl::StatusOr<Event> ReadEvent(std::string_view data, bool checksummed) {
  if (data.size() < kHeaderBytes || data.size() > kEventBytesMax) return NoSuchEvent("event");
  Bytes bytes(data);
  Event event;
  event.time_s = static_cast<std::uint32_t>(bytes.Number(4));
  event.type = static_cast<EventType>(bytes.Byte());
  event.server_id = static_cast<std::uint32_t>(bytes.Number(4));
  const std::uint64_t length = bytes.Number(4);
  event.next_position = static_cast<std::uint32_t>(bytes.Number(4));
  event.flags = static_cast<std::uint16_t>(bytes.Number(2));
  event.body = bytes.rest();
  if (length != data.size()) return NoSuchEvent("event");
  // A file with checksums may be announced by an event without one, or the other way round; a description
  // always has one.
  if (event.type == EventType::kRotate && event.is_artificial()) checksummed = HasChecksum(data);
  const bool is_description = event.type == EventType::kFormatDescription;
  if (!checksummed && !is_description) return event;
  if (is_description && data.size() < kHeaderBytes + kChecksumBytes + 1) return NoSuchEvent("event");
  // If the server sends a file without checksums from its middle, it changes the description, and leaves the
  // old checksum in it.
  const bool is_unchecked =
      is_description && static_cast<std::uint8_t>(data[data.size() - kChecksumBytes - 1]) == kNoChecksum;
  if (!is_unchecked && !HasChecksum(data)) {
    return absl::DataLossError(
        "an event of the binlog has a wrong checksum: it was damaged at the server or on its way");
  }
  event.body.remove_suffix(kChecksumBytes);
  return event;
}

absl::StatusOr<FormatDescription> ReadFormatDescription(const Event& event) {
  Bytes bytes(event.body);
  const std::uint64_t format = bytes.Number(2);
  const std::string_view version = bytes.Take(kVersionBytes);
  bytes.Take(4);
  const std::uint8_t header_bytes = bytes.Byte();
  // The rest: lengths of events' heads, and the kind of checksum.
  if (!bytes.ok() || bytes.rest().empty() || format != 4 || header_bytes != kHeaderBytes)
    return NoSuchEvent("format description");
  const std::uint8_t algorithm = static_cast<std::uint8_t>(bytes.rest().back());
  if (algorithm > kCrc32) return NoSuchEvent("format description");
  return FormatDescription{.server_version = std::string(version.substr(0, version.find('\0'))),
                           .checksummed = algorithm == kCrc32};
}

absl::StatusOr<Rotate> ReadRotate(const Event& event) {
  Bytes bytes(event.body);
  Rotate rotate;
  rotate.position = bytes.Number(8);
  rotate.file = std::string(bytes.rest());
  if (!bytes.ok() || rotate.file.empty() || rotate.file.find('\0') != std::string::npos)
    return NoSuchEvent("rotation");
  return rotate;
}

std::string ToString(const Gtid& gtid) {
  return absl::StrCat(gtid.domain, "-", gtid.server, "-", gtid.number);
}

absl::StatusOr<GroupBegin> ReadGtid(const Event& event) {
  Bytes bytes(event.body);
  GroupBegin begin;
  begin.gtid.number = bytes.Number(8);
  begin.gtid.domain = static_cast<std::uint32_t>(bytes.Number(4));
  begin.gtid.server = event.server_id;
  const std::uint8_t flags = bytes.Byte();
  if (!bytes.ok()) return NoSuchEvent("GTID");
  begin.standalone = (flags & kFlagStandalone) != 0;
  begin.ddl = (flags & kFlagDdl) != 0;
  begin.xa_prepare = (flags & kFlagXaPrepare) != 0;
  begin.xa_complete = (flags & kFlagXaComplete) != 0;
  return begin;
}

absl::StatusOr<std::vector<Gtid>> ReadGtidList(const Event& event) {
  Bytes bytes(event.body);
  // The highest four bits are flags.
  const std::uint64_t count = bytes.Number(4) & 0x0fffffffU;
  if (!bytes.ok() || count > bytes.rest().size() / 16) return NoSuchEvent("list of GTIDs");
  std::vector<Gtid> list(static_cast<std::size_t>(count));
  for (Gtid& gtid : list) {
    gtid.domain = static_cast<std::uint32_t>(bytes.Number(4));
    gtid.server = static_cast<std::uint32_t>(bytes.Number(4));
    gtid.number = bytes.Number(8);
  }
  return list;
}

absl::Status ReadQuery(const Event& event, Query* query) {
  Bytes bytes(event.body);
  bytes.Take(8);  // Thread and duration.
  const std::size_t database_bytes = bytes.Byte();
  bytes.Take(2);  // Its error.
  const std::size_t status_bytes = static_cast<std::size_t>(bytes.Number(2));
  bytes.Take(status_bytes);
  query->database = bytes.Take(database_bytes);
  bytes.Take(1);
  if (!bytes.ok()) return NoSuchEvent("statement");
  query->sql = bytes.rest();
  if (event.type != EventType::kQueryCompressed) return absl::OkStatus();
  RETURN_IF_ERROR(Inflate(bytes.rest(), &query->inflated));
  query->sql = query->inflated;
  return absl::OkStatus();
}

absl::Status Inflate(std::string_view compressed, std::string* plain) {
  Bytes bytes(compressed);
  // Bit 7: compressed; bits 6 to 4: the method, 0 is zlib; bits 2 to 0: bytes of the length.
  const std::uint8_t head = bytes.Byte();
  const std::size_t length_bytes = head & 0x07U;
  const std::uint64_t length = BigEndian(bytes.Take(length_bytes));
  if (!bytes.ok() || (head & 0xf0U) != 0x80U || length_bytes == 0 || length_bytes > 4 ||
      length > kEventBytesMax)
    return NoSuchEvent("compressed event");
  // zlib's maximum ratio is below 1 : 1100.
  if (length / 1'100 > bytes.rest().size()) return NoSuchEvent("compressed event");
  plain->resize(static_cast<std::size_t>(length));
  uLongf size = static_cast<uLongf>(length);
  const std::string_view packed = bytes.rest();
  const int result =
      uncompress(reinterpret_cast<Bytef*>(plain->data()), &size,
                 reinterpret_cast<const Bytef*>(packed.data()), static_cast<uLong>(packed.size()));
  if (result != Z_OK || size != length) return NoSuchEvent("compressed event");
  return absl::OkStatus();
}

}  // namespace mirror::binlog
