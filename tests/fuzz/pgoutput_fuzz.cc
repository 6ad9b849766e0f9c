// Any bytes as a message of PostgreSQL's log. It is refused, or holds nothing but pieces of the message, from
// which rows are written again as they were; what the stage takes of a row knows its key.

#include "client/source/postgres/pgoutput.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/db/postgres/value.h"
#include "client/source/postgres/logged_rows.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

bool LiesIn(std::string_view piece, std::string_view all) {
  const std::less_equal<const char*> before;
  return piece.empty() ||
         (before(all.data(), piece.data()) && before(piece.data() + piece.size(), all.data() + all.size()));
}

/// Writes rows as the server does.
class Writer {
 public:
  Writer(char kind, std::uint32_t oid) : bytes_(1, kind) {
    postgres::AppendNumber(bytes_, static_cast<std::int32_t>(oid));
  }
  void Add(char kind, const pgoutput::Tuple& tuple) {
    bytes_ += kind;
    postgres::AppendNumber(bytes_, static_cast<std::int16_t>(tuple.size()));
    for (const pgoutput::Field& field : tuple) {
      if (field.kind == pgoutput::Field::Kind::kNull) bytes_ += 'n';
      if (field.kind == pgoutput::Field::Kind::kUnchanged) bytes_ += 'u';
      if (field.kind != pgoutput::Field::Kind::kText) continue;
      bytes_ += 't';
      postgres::AppendNumber(bytes_, static_cast<std::int32_t>(field.text.size()));
      bytes_ += field.text;
    }
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// The table of the seeds: its key is the first and, for every second oid, the third of three columns.
StreamedTable TableOf(std::uint32_t oid) {
  StreamedTable table;
  table.columns = {{.name = "id", .type = 23, .number = 1},
                   {.name = "name", .type = 25, .number = 3},
                   {.name = "note", .type = 25, .number = 2}};
  table.key = {0};
  if (oid % 2 == 1) table.key.push_back(2);
  return table;
}

struct Looks {
  std::string_view data;

  void RequireIn(const pgoutput::Tuple& tuple) const {
    for (const pgoutput::Field& field : tuple) {
      Require(LiesIn(field.text, data));
      Require(field.kind == pgoutput::Field::Kind::kText || field.text.empty());
    }
  }
  template <typename Row>
  void RequireLogged(const Row& row) const {
    const StreamedTable table = TableOf(row.oid);
    const std::optional<LoggedChange> change = ToLogged(table, row);
    if (!change) return;
    for (const StagedKey* key : {&change->key, &change->old_key})
      Require(key->empty() || UnpackStagedKey(*key).size() == table.key.size());
    Require((change->kind == LoggedChange::Kind::kDelete) == change->key.empty());
    Require((change->kind == LoggedChange::Kind::kInsert) == change->old_key.empty());
    Require(change->values.size() <= table.columns.size());
  }

  void operator()(const pgoutput::Insert& insert) const {
    RequireIn(insert.row);
    Writer again('I', insert.oid);
    again.Add('N', insert.row);
    Require(again.bytes() == data);
    RequireLogged(insert);
  }
  void operator()(const pgoutput::Update& update) const {
    RequireIn(update.row);
    Writer again('U', update.oid);
    if (update.old) {
      RequireIn(*update.old);
      again.Add(update.old_is_key ? 'K' : 'O', *update.old);
    }
    again.Add('N', update.row);
    Require(again.bytes() == data);
    RequireLogged(update);
  }
  void operator()(const pgoutput::Delete& deleted) const {
    RequireIn(deleted.old);
    Writer again('D', deleted.oid);
    again.Add(deleted.old_is_key ? 'K' : 'O', deleted.old);
    Require(again.bytes() == data);
    RequireLogged(deleted);
  }
  void operator()(const pgoutput::Relation& relation) const {
    std::size_t names = relation.schema.size() + relation.name.size();
    for (const pgoutput::RelationColumn& column : relation.columns) names += column.name.size();
    Require(names + 10 * relation.columns.size() < data.size());
    (void)TableOf(relation.oid).Fits(relation);
  }
  void operator()(const pgoutput::Truncate& truncate) const {
    Require(truncate.oids.size() * sizeof(std::uint32_t) < data.size());
  }
  void operator()(const pgoutput::Emitted& emitted) const {
    Require(LiesIn(emitted.prefix, data) && LiesIn(emitted.content, data));
    Require(emitted.prefix.find('\0') == std::string_view::npos);
  }
  // Numbers alone.
  void operator()(const pgoutput::Begin&) const { Require(data.size() == 21); }
  void operator()(const pgoutput::Commit&) const { Require(data.size() == 26); }
  void operator()(const pgoutput::Ignored&) const {}
};

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<mirror::pgoutput::Message> message = mirror::pgoutput::Decode(bytes);
  if (message.ok()) {
    std::visit(mirror::Looks{bytes}, *message);
  } else {
    mirror::Require(message.status().code() == absl::StatusCode::kDataLoss);
    mirror::Require(message.status().message().size() < 200);
  }
  return 0;
}
