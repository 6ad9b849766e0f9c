#include "client/source/mariadb/binlog_stream.h"

#include <mysql.h>

#include <mariadb_rpl.h>  // It depends on the other one.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr unsigned long kPacketError = packet_error;
constexpr char kReading[] = "reading its binlog";
constexpr unsigned int kFatalReadingBinlog = 1236;
/// The stream's name in SHOW REPLICA HOSTS.
constexpr char kReplicaName[] = "mirror-agent";
/// Maximum size of an answer that is no event.
constexpr std::size_t kEndPacketBytesMax = 8;
constexpr std::uint8_t kEndPacket = 0xfe;

std::string AdviceFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "that file of its binlog no longer exists";
    case absl::StatusCode::kOutOfRange:
      return "its binlog ends before the position where reading must start: the server was restored, or lost "
             "the last part of its binlog";
    case absl::StatusCode::kDataLoss:
      return "its binlog is damaged there, or it is not the binlog that was read before";
    default:
      return "its binlog cannot be read";
  }
}

}  // namespace

absl::StatusCode CodeOfBinlogError(std::string_view words) {
  const absl::string_view text(words.data(), words.size());
  if (absl::StrContains(text, "Could not find first log file name") ||
      absl::StrContains(text, "could not find next log") ||
      absl::StrContains(text, "Could not open log file"))
    return absl::StatusCode::kNotFound;
  if (absl::StrContains(text, "impossible position")) return absl::StatusCode::kOutOfRange;
  if (absl::StrContains(text, "Binary log is not open")) return absl::StatusCode::kFailedPrecondition;
  if (absl::StrContains(text, "bogus data") || absl::StrContains(text, "truncated") ||
      absl::StrContains(text, "checksum") || absl::StrContains(text, "exceeded max_allowed_packet") ||
      absl::StrContains(text, "corrupt"))
    return absl::StatusCode::kDataLoss;
  return absl::StatusCode::kFailedPrecondition;
}

BinlogStream::BinlogStream(std::unique_ptr<mariadb::Connection> connection, BinlogPlace from)
    : connection_(std::move(connection)), place_(std::move(from)) {
  before_ = place_;
}

BinlogStream::~BinlogStream() {
  if (rpl_ != nullptr) mariadb_rpl_close(rpl_);
  if (socket_ >= 0) close(socket_);
}

absl::StatusOr<std::unique_ptr<BinlogStream>> BinlogStream::Open(const BinlogStreamOptions& options) {
  if (options.from.offset > std::numeric_limits<std::uint32_t>::max()) {
    return absl::OutOfRangeError(
        absl::StrCat("the position ", ToString(options.from),
                     " is more than 4 GB into its file, and no binlog can be read from there"));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<mariadb::Connection> connection,
                   mariadb::Connection::Open(options.connect));
  std::unique_ptr<BinlogStream> stream(new BinlogStream(std::move(connection), options.from));
  RETURN_IF_ERROR(stream->Begin(options));
  return stream;
}

absl::Status BinlogStream::Begin(const BinlogStreamOptions& options) {
  // Announces support for GTID events and checksums; otherwise the server converts them.
  for (const std::string& sql :
       {std::string("SET @mariadb_slave_capability = 4"),
        std::string("SET @master_binlog_checksum = 'CRC32'"),
        absl::StrCat("SET @master_heartbeat_period = ", options.heartbeat.count() * 1'000'000)}) {
    RETURN_IF_ERROR(connection_->Execute(sql, kReading));
  }
  if (options.of != 0) {
    ASSIGN_OR_RETURN(const std::int64_t server, connection_->Number("SELECT @@global.server_id", kReading));
    if (server != options.of) {
      return absl::UnavailableError(
          absl::StrCat("the source's address led to two servers, those with server_id ", options.of, " and ",
                       server, ". Nothing was read; run again"));
    }
  }
  rpl_ = mariadb_rpl_init(connection_->handle());
  if (rpl_ == nullptr) return connection_->ErrorNow(kReading);
  const unsigned int flags = options.to_end ? MARIADB_RPL_BINLOG_DUMP_NON_BLOCK : 0;
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_FILENAME, options.from.file.c_str(), options.from.file.size());
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_START, static_cast<unsigned long>(options.from.offset));
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_SERVER_ID, static_cast<unsigned int>(options.server_id));
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_FLAGS, flags);
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_HOST, kReplicaName);
  mariadb_rpl_optionsv(rpl_, MARIADB_RPL_PORT, 0U);
  // On a refusal it gives no message of its own: the connection has it.
  if (mariadb_rpl_open(rpl_) != 0) return Failed();
  // A separate descriptor, which stays this stream's own after the connection is closed.
  socket_ = fcntl(static_cast<int>(mysql_get_socket(connection_->handle())), F_DUPFD_CLOEXEC, 0);
  return absl::OkStatus();
}

void BinlogStream::Interrupt() {
  if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
}

absl::Status BinlogStream::Failed() {
  st_mysql* const handle = connection_->handle();
  const unsigned int number = handle == nullptr ? 0 : mysql_errno(handle);
  const std::string words = handle == nullptr ? "" : mysql_error(handle);
  const absl::Status status = connection_->ErrorNow(kReading);
  connection_->Close();
  if (number != kFatalReadingBinlog) return status;
  const absl::StatusCode code = CodeOfBinlogError(words);
  return absl::Status(
      code, absl::StrCat(AdviceFor(code), " (", ToString(place_), "): ", std::string(status.message())));
}

absl::Status BinlogStream::Follow(const binlog::Event& event) {
  before_ = place_;
  if (event.type == binlog::EventType::kFormatDescription) {
    ASSIGN_OR_RETURN(const binlog::FormatDescription format, binlog::ReadFormatDescription(event));
    checksummed_ = format.checksummed;
  }
  if (event.type == binlog::EventType::kHeartbeat) return absl::OkStatus();
  // A rotation in the file comes before its end; the one that the server makes for the next file tells where
  // to continue.
  if (event.type == binlog::EventType::kRotate && event.is_artificial()) {
    ASSIGN_OR_RETURN(const binlog::Rotate rotate, binlog::ReadRotate(event));
    place_ = {.file = rotate.file, .offset = rotate.position};
    return absl::OkStatus();
  }
  if (event.is_artificial()) return absl::OkStatus();
  // A file may be longer than its 32-bit positions.
  constexpr std::uint64_t kWrap = std::uint64_t{1} << 32;
  std::uint64_t next = (place_.offset & ~(kWrap - 1)) | event.next_position;
  if (next < place_.offset) next += kWrap;
  place_.offset = next;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<binlog::Event>> BinlogStream::Next() {
  if (!connection_->IsOpen()) return connection_->ErrorNow(kReading);
  const unsigned long size = mysql_net_read_packet(connection_->handle());
  if (size == kPacketError) return Failed();
  const std::string_view packet(reinterpret_cast<const char*>(connection_->handle()->net.read_pos), size);
  if (!packet.empty() && packet.size() <= kEndPacketBytesMax &&
      static_cast<std::uint8_t>(packet[0]) == kEndPacket)
    return std::nullopt;
  // A zero byte precedes each event.
  if (packet.empty() || packet[0] != '\0')
    return absl::DataLossError("the server's answer is not a binlog event");
  ASSIGN_OR_RETURN(const binlog::Event event, binlog::ReadEvent(packet.substr(1), checksummed_));
  RETURN_IF_ERROR(Follow(event));
  return event;
}

}  // namespace mirror
