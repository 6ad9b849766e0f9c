#include "client/source/postgres/pgoutput.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace mirror::pgoutput {
namespace {

/// Milliseconds between 1970 and 2000, PostgreSQL's epoch.
constexpr std::int64_t kEpochMs = 946'684'800'000;

/// Takes the parts of a message from its front; after the end of a short message all parts are zeros.
class Parts {
 public:
  explicit Parts(std::string_view data) : left_(data) {}

  /// The message was complete and is used up.
  bool IsWhole() const { return !is_wrong_ && left_.empty(); }
  bool IsWrong() const { return is_wrong_; }
  void Refuse() { is_wrong_ = true; }

  template <typename Number>
  Number Take() {
    const std::string_view bytes = Bytes(sizeof(Number));
    std::uint64_t number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return static_cast<Number>(number);
  }
  std::string_view Bytes(std::size_t size) {
    if (is_wrong_ || size > left_.size()) {
      is_wrong_ = true;
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  /// Takes a text up to a NUL, and the NUL.
  std::string_view Text() {
    const std::size_t end = left_.find('\0');
    if (end == std::string_view::npos) is_wrong_ = true;
    const std::string_view text = Bytes(is_wrong_ ? 0 : end);
    Bytes(1);
    return text;
  }
  std::int64_t TimeMs() { return Take<std::int64_t>() / 1000 + kEpochMs; }
  /// Checks a number of elements of at least this size: limits the memory for a damaged message.
  std::size_t Count(std::size_t count, std::size_t bytes_min) {
    if (count > left_.size() / bytes_min) is_wrong_ = true;
    return is_wrong_ ? 0 : count;
  }

 private:
  std::string_view left_;
  bool is_wrong_ = false;
};

void TakeTuple(Parts& parts, Tuple& tuple) {
  tuple.resize(parts.Count(parts.Take<std::uint16_t>(), 1));
  for (Field& field : tuple) {
    switch (parts.Take<char>()) {
      case 'n':
        break;
      case 'u':
        field.kind = Field::Kind::kUnchanged;
        break;
      case 't':
        field.kind = Field::Kind::kText;
        field.text = parts.Bytes(parts.Take<std::uint32_t>());
        break;
      default:  // 'b' is only sent on request.
        parts.Refuse();
    }
    if (parts.IsWrong()) return;
  }
}

/// Takes the old tuple after 'K' or 'O'.
void TakeOld(Parts& parts, char kind, Tuple& old, bool& is_key) {
  if (kind != 'K' && kind != 'O') parts.Refuse();
  is_key = kind == 'K';
  TakeTuple(parts, old);
}

void TakeNew(Parts& parts, char kind, Tuple& row) {
  if (kind != 'N') parts.Refuse();
  TakeTuple(parts, row);
}

Message TakeBegin(Parts& parts) {
  Begin begin;
  begin.commit_lsn = parts.Take<std::uint64_t>();
  begin.time_ms = parts.TimeMs();
  begin.xid = parts.Take<std::uint32_t>();
  return begin;
}

Message TakeCommit(Parts& parts) {
  Commit commit;
  parts.Take<std::uint8_t>();
  commit.commit_lsn = parts.Take<std::uint64_t>();
  commit.end_lsn = parts.Take<std::uint64_t>();
  commit.time_ms = parts.TimeMs();
  return commit;
}

Message TakeEmitted(Parts& parts) {
  Emitted emitted;
  emitted.transactional = (parts.Take<std::uint8_t>() & 1) != 0;
  emitted.lsn = parts.Take<std::uint64_t>();
  emitted.prefix = parts.Text();
  emitted.content = parts.Bytes(parts.Take<std::uint32_t>());
  return emitted;
}

Message TakeRelation(Parts& parts) {
  Relation relation;
  relation.oid = parts.Take<std::uint32_t>();
  relation.schema = parts.Text();
  relation.name = parts.Text();
  relation.identity = parts.Take<char>();
  relation.columns.resize(parts.Count(parts.Take<std::uint16_t>(), 10));
  for (RelationColumn& column : relation.columns) {
    column.is_key = (parts.Take<std::uint8_t>() & 1) != 0;
    column.name = parts.Text();
    column.type = parts.Take<std::uint32_t>();
    column.modifier = parts.Take<std::int32_t>();
  }
  return relation;
}

Message TakeInsert(Parts& parts) {
  Insert insert;
  insert.oid = parts.Take<std::uint32_t>();
  TakeNew(parts, parts.Take<char>(), insert.row);
  return insert;
}

Message TakeUpdate(Parts& parts) {
  Update update;
  update.oid = parts.Take<std::uint32_t>();
  char kind = parts.Take<char>();
  if (kind != 'N') {
    TakeOld(parts, kind, update.old.emplace(), update.old_is_key);
    kind = parts.Take<char>();
  }
  TakeNew(parts, kind, update.row);
  return update;
}

Message TakeDelete(Parts& parts) {
  Delete deleted;
  deleted.oid = parts.Take<std::uint32_t>();
  TakeOld(parts, parts.Take<char>(), deleted.old, deleted.old_is_key);
  return deleted;
}

Message TakeTruncate(Parts& parts) {
  Truncate truncate;
  const auto count = parts.Take<std::uint32_t>();
  const auto options = parts.Take<std::uint8_t>();
  truncate.cascade = (options & 1) != 0;
  truncate.restart_identity = (options & 2) != 0;
  truncate.oids.resize(parts.Count(count, sizeof(std::uint32_t)));
  for (std::uint32_t& oid : truncate.oids) oid = parts.Take<std::uint32_t>();
  return truncate;
}

/// Takes a message of which nothing is kept.
Message TakeIgnored(Parts& parts, char kind) {
  if (kind == 'O') {
    parts.Take<std::uint64_t>();
  } else {
    parts.Take<std::uint32_t>();
    parts.Text();
  }
  parts.Text();
  return Ignored{};
}

absl::StatusOr<Message> TakeMessage(Parts& parts, char kind) {
  switch (kind) {
    case 'B':
      return TakeBegin(parts);
    case 'C':
      return TakeCommit(parts);
    case 'M':
      return TakeEmitted(parts);
    case 'R':
      return TakeRelation(parts);
    case 'I':
      return TakeInsert(parts);
    case 'U':
      return TakeUpdate(parts);
    case 'D':
      return TakeDelete(parts);
    case 'T':
      return TakeTruncate(parts);
    case 'O':
    case 'Y':
      return TakeIgnored(parts, kind);
    default:
      return absl::DataLossError(
          absl::StrCat("the source's log has a message of the kind ", static_cast<unsigned char>(kind),
                       ", which pgoutput's protocol version 1 does not have. Nothing of it was taken"));
  }
}

}  // namespace

absl::StatusOr<Message> Decode(std::string_view data) {
  if (data.empty()) return absl::DataLossError("the source's log has an empty message");
  Parts parts(data.substr(1));
  absl::StatusOr<Message> message = TakeMessage(parts, data.front());
  if (!message.ok() || parts.IsWhole()) return message;
  return absl::DataLossError(
      absl::StrCat("the source's log has a message '", std::string(1, data.front()), "' of ", data.size(),
                   " bytes that does not have pgoutput's format. Nothing of it was taken"));
}

}  // namespace mirror::pgoutput
