#ifndef MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_EVENT_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// Reads the events of MariaDB's binlog (format 4), as its replication protocol sends them. All functions are
// pure. They accept any bytes, and return kDataLoss for bytes that are not such an event. Views are into the
// bytes.

namespace mirror::binlog {

/// Returns an unsigned number of up to 8 bytes, least significant byte first.
inline std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}
/// Returns an unsigned number of up to 8 bytes, most significant byte first.
inline std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

/// Reads bytes from the front of a text. If more bytes are requested than there are, ok() is false from then
/// on, and every later result is 0 or empty. Views are into the bytes passed to the constructor.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// Takes a number of up to 8 bytes, least significant byte first.
  std::uint64_t Number(std::size_t size) { return LittleEndian(Take(size)); }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Number(1)); }
  /// Takes a number of MariaDB's variable length: its first byte says how many bytes follow.
  std::uint64_t Coded() {
    const std::uint8_t first = Byte();
    if (first < 251) return first;
    if (first == 252) return Number(2);
    if (first == 253) return Number(3);
    if (first == 254) return Number(8);
    ok_ = false;
    rest_ = {};
    return 0;
  }
  /// Takes a text that has its length before it, in the form of Coded().
  std::string_view CodedText() { return Take(static_cast<std::size_t>(Coded())); }

  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

inline constexpr std::size_t kHeaderBytes = 19;
inline constexpr std::size_t kChecksumBytes = 4;
/// Maximum bytes of one event, and of the content of a compressed one: MariaDB's own limit for a packet.
inline constexpr std::size_t kEventBytesMax = 1U << 30;

enum class EventType : std::uint8_t {
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntVar = 5,
  kAppendBlock = 9,
  kDeleteFile = 11,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kIgnorable = 28,
  kWriteRows = 30,
  kUpdateRows = 31,
  kDeleteRows = 32,
  kXaPrepare = 38,
  kAnnotateRows = 160,
  kCheckpoint = 161,
  kGtid = 162,
  kGtidList = 163,
  kStartEncryption = 164,
  kQueryCompressed = 165,
  kWriteRowsCompressedV1 = 166,
  kUpdateRowsCompressedV1 = 167,
  kDeleteRowsCompressedV1 = 168,
  kWriteRowsCompressed = 169,
  kUpdateRowsCompressed = 170,
  kDeleteRowsCompressed = 171,
};

/// One event, with its checksum verified and removed.
struct Event {
  static constexpr std::uint16_t kArtificial = 0x20;
  static constexpr std::uint16_t kMayBeIgnored = 0x80;

  std::uint32_t time_s = 0;  ///< Unix time; 0: the server made it for this connection only.
  EventType type = EventType::kIgnorable;
  std::uint32_t server_id = 0;
  /// Lowest 32 bits of the position of the next event in the file; 0: the event is in no file.
  std::uint32_t next_position = 0;
  std::uint16_t flags = 0;
  std::string_view body;  ///< The bytes after the header.

  bool is_artificial() const { return (flags & kArtificial) != 0 || next_position == 0; }
};

/// Reads an event. `checksummed`: from the last format description. Format descriptions and artificial
/// rotations are checked without it.
absl::StatusOr<Event> ReadEvent(std::string_view data, bool checksummed);

struct FormatDescription {
  std::string server_version;
  bool checksummed = false;  ///< All later events have a CRC32.
};
absl::StatusOr<FormatDescription> ReadFormatDescription(const Event& event);

/// The event by which the stream continues in another file.
struct Rotate {
  std::uint64_t position = 0;
  std::string file;
};
absl::StatusOr<Rotate> ReadRotate(const Event& event);

struct Gtid {
  std::uint32_t domain = 0, server = 0;
  std::uint64_t number = 0;
  friend bool operator==(const Gtid&, const Gtid&) = default;
};
/// "0-1-42"
std::string ToString(const Gtid& gtid);

/// The event with which an event group begins.
struct GroupBegin {
  Gtid gtid;
  bool standalone = false;  ///< No COMMIT follows: it is a single statement.
  bool ddl = false;
  bool xa_prepare = false, xa_complete = false;
};
absl::StatusOr<GroupBegin> ReadGtid(const Event& event);
absl::StatusOr<std::vector<Gtid>> ReadGtidList(const Event& event);

struct Query {
  std::string_view database;  ///< The session's database.
  std::string_view sql;
  std::string inflated;  ///< Content of a compressed query, viewed by `sql`.
};
/// Reads a query. `query` must outlive the views: `sql` may view its other members.
absl::Status ReadQuery(const Event& event, Query* query);

/// Decompresses an event's content. Errors: kDataLoss, also if the content would exceed kEventBytesMax.
absl::Status Inflate(std::string_view compressed, std::string* plain);

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_EVENT_H_
