// Any bytes as events of MariaDB's binlog: a table's description, rows of it, statements. Each is refused, or
// holds nothing but pieces of the event, and of each value a text that is not longer than its type allows.
//
// An input is a byte of how texts are stored, then events: their type, a byte of flags, two bytes of the
// length of what stands behind their head, and that.

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/rows_event.h"
#include "client/source/mariadb/statement_words.h"
#include "client/source/mariadb/table_map.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

using binlog::Event;
using binlog::EventType;

constexpr std::size_t kHeadBytes = 4;

bool LiesIn(std::string_view piece, std::string_view all) {
  const std::less_equal<const char*> before;
  return piece.empty() ||
         (before(all.data(), piece.data()) && before(piece.data() + piece.size(), all.data() + all.size()));
}

void AppendLittle(std::uint64_t number, std::size_t bytes, std::string* to) {
  for (std::size_t i = 0; i < bytes; ++i) to->push_back(static_cast<char>(number >> 8 * i & 0xffU));
}

/// An event as the server sends it.
std::string Packet(std::uint8_t type, std::uint8_t flags, std::string_view body, bool checksummed) {
  std::string packet;
  AppendLittle(1'700'000'000, 4, &packet);
  packet.push_back(static_cast<char>(type));
  AppendLittle(1, 4, &packet);
  AppendLittle(binlog::kHeaderBytes + body.size() + (checksummed ? binlog::kChecksumBytes : 0), 4, &packet);
  AppendLittle(4'096, 4, &packet);
  AppendLittle(flags, 2, &packet);
  packet += body;
  if (!checksummed) return packet;
  AppendLittle(crc32(0, reinterpret_cast<const Bytef*>(packet.data()), static_cast<uInt>(packet.size())),
               binlog::kChecksumBytes, &packet);
  return packet;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The text is not longer than a value of so many bytes can have.
void RequireFits(const binlog::MappedColumn& column, std::size_t bytes, const std::string& text) {
  constexpr std::size_t kNumberMax = 64;
  if (column.type == binlog::ColumnType::kNewDecimal) {
    // There is one before the dot always.
    const auto digits = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), IsDigit));
    return Require(digits <= std::max(column.size, column.scale + 1) && text.size() <= digits + 2);
  }
  std::size_t labels = 0;
  for (const std::string& label : column.labels) labels += 3 * label.size() + 1;
  Require(text.size() <= std::max({3 * bytes, std::size_t{column.size}, kNumberMax}) + labels);
}

class Log {
 public:
  Log(binlog::Charset charset, binlog::StringUse use) : charset_(charset), use_(use) {}

  void Take(const Event& event) {
    if (binlog::IsRows(event.type)) return TakeRows(event);
    switch (event.type) {
      case EventType::kTableMap:
        return TakeMap(event);
      case EventType::kQuery:
      case EventType::kQueryCompressed:
        return TakeQuery(event);
      case EventType::kFormatDescription:
        (void)binlog::ReadFormatDescription(event).ok();
        return;
      case EventType::kRotate: {
        const absl::StatusOr<binlog::Rotate> rotate = binlog::ReadRotate(event);
        Require(!rotate.ok() || rotate->file.size() + 8 == event.body.size());
        return;
      }
      case EventType::kGtid:
        Require(binlog::ReadGtid(event).ok() == (event.body.size() >= 13));
        return;
      case EventType::kGtidList: {
        const absl::StatusOr<std::vector<binlog::Gtid>> list = binlog::ReadGtidList(event);
        Require(!list.ok() || 4 + 16 * list->size() <= event.body.size());
        return;
      }
      default:
        return;
    }
  }

 private:
  void TakeMap(const Event& event) {
    const absl::StatusOr<binlog::TableMap> map = binlog::ReadTableMap(event);
    map_.reset();
    texts_.clear();
    if (!map.ok()) return Require(map.status().code() == absl::StatusCode::kDataLoss);
    Require(map->id == binlog::TableMapId(event));
    Require(!map->columns.empty() && map->columns.size() <= binlog::kColumnsMax);
    Require(map->key.size() <= map->columns.size());
    for (const std::size_t place : map->key) Require(place < map->columns.size());
    std::size_t told = map->database.size() + map->table.size();
    for (const binlog::MappedColumn& column : map->columns) {
      told += 1 + column.name.size();
      for (const std::string& label : column.labels) told += 1 + label.size();
      texts_.emplace_back(column, charset_, use_);
    }
    Require(told <= event.body.size());
    map_ = *map;
  }

  void TakeRows(const Event& event) {
    binlog::RowsEvent rows;
    if (const absl::Status read = binlog::ReadRows(event, &rows); !read.ok())
      return Require(read.code() == absl::StatusCode::kDataLoss);
    Require(rows.map == binlog::RowsMapId(event));
    Require(LiesIn(rows.image, event.body) && LiesIn(rows.after, event.body));
    Require(LiesIn(rows.rows, event.body) || LiesIn(rows.rows, rows.inflated));
    (void)rows.IsWhole();
    if (!map_ || map_->columns.size() != rows.columns) return;
    const binlog::RowSlicer slicer(*map_);
    binlog::Bytes bytes(rows.rows);
    while (!bytes.empty()) {
      if (!TakeRow(slicer, rows.rows, rows.image, &bytes)) return;
      if (rows.kind == binlog::RowsKind::kUpdate && !TakeRow(slicer, rows.rows, rows.after, &bytes)) return;
    }
  }

  bool TakeRow(const binlog::RowSlicer& slicer, std::string_view all, std::string_view image,
               binlog::Bytes* bytes) const {
    const std::size_t before = bytes->rest().size();
    std::vector<binlog::RowField> fields;
    if (!slicer.Next(bytes, image, &fields)) return false;
    // A row is something: who reads one after the other comes to the end.
    Require(bytes->rest().size() < before && fields.size() == map_->columns.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const binlog::RowField& field = fields[i];
      Require(LiesIn(field.bytes, all));
      Require(field.state == binlog::RowField::State::kThere || field.bytes.empty());
      if (field.state != binlog::RowField::State::kThere) continue;
      std::string text;
      if (texts_[i].Write(field.bytes, &text)) RequireFits(map_->columns[i], field.bytes.size(), text);
    }
    return true;
  }

  static void TakeQuery(const Event& event) {
    binlog::Query query;
    if (!binlog::ReadQuery(event, &query).ok()) return;
    Require(LiesIn(query.database, event.body));
    Require(LiesIn(query.sql, event.body) || LiesIn(query.sql, query.inflated));
    const StatementWords words(query.sql);
    for (std::size_t place = 0; place < words.size(); ++place) {
      const std::string word = words.Word(place);
      Require(!word.empty() && words.Names(word));
    }
    Require(words.Word(words.size()).empty());
    (void)words.IsHarmless();
    (void)words.IsDefinition();
    // What is emptied is named.
    const std::optional<std::string> table = words.Truncates(query.database, "crm");
    Require(!table || (words.Names(*table) && words.Word(0) == "truncate"));
  }

  const binlog::Charset charset_;
  const binlog::StringUse use_;
  std::optional<binlog::TableMap> map_;
  std::vector<binlog::RowText> texts_;
};

void TakeEvents(std::string_view input) {
  const auto how = input.empty() ? 0U : static_cast<std::uint8_t>(input[0]);
  input.remove_prefix(std::min<std::size_t>(input.size(), 1));
  Log log(static_cast<binlog::Charset>(how % 3), static_cast<binlog::StringUse>(how / 3 % 5));
  while (input.size() >= kHeadBytes) {
    const auto type = static_cast<std::uint8_t>(input[0]), flags = static_cast<std::uint8_t>(input[1]);
    const std::string_view body =
        input.substr(kHeadBytes, static_cast<std::size_t>(binlog::LittleEndian(input.substr(2, 2))));
    input.remove_prefix(kHeadBytes + body.size());
    // A format description has a checksum always.
    const bool checksummed = how >= 0x80 || type == static_cast<std::uint8_t>(EventType::kFormatDescription);
    const std::string packet = Packet(type, flags, body, checksummed);
    const absl::StatusOr<Event> event = binlog::ReadEvent(packet, checksummed);
    // A format description that does not even say its checksum is none.
    if (type == static_cast<std::uint8_t>(EventType::kFormatDescription) && body.empty()) {
      Require(!event.ok());
      continue;
    }
    Require(event.ok() && event->body == body && LiesIn(event->body, packet));
    log.Take(*event);
  }
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  mirror::TakeEvents(bytes);
  for (const bool checksummed : {false, true}) {
    const absl::StatusOr<mirror::binlog::Event> event = mirror::binlog::ReadEvent(bytes, checksummed);
    mirror::Require(!event.ok() || mirror::LiesIn(event->body, bytes));
  }
  std::string plain;
  (void)mirror::binlog::Inflate(bytes, &plain).ok();
  return 0;
}
