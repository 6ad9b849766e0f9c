#include "server/store/sqlite/file/sqlite_batch_table.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <new>

#include "absl/strings/str_cat.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// Widths of the tables, in columns. The last one is SQLite's maximum.
constexpr std::array<std::size_t, 4> kWidths = {16, 64, 256, 2'000};
/// The number of rows that the planner is told. It is large enough that the planner reads the batch once and
/// searches in the mirrored table.
constexpr sqlite3_int64 kRowsEstimated = 5'000;

struct Table {
  sqlite3_vtab base;
  BatchTable* source;
};

std::string Declaration(std::size_t width) {
  std::string sql = "CREATE TABLE x(";
  for (std::size_t i = 0; i < width; ++i) absl::StrAppend(&sql, i == 0 ? "c" : ", c", i);
  return sql + ")";
}

template <std::size_t kWidth>
int Connect(sqlite3* db, void* source, int, const char* const*, sqlite3_vtab** out, char**) {
  if (const int code = sqlite3_declare_vtab(db, Declaration(kWidth).c_str()); code != SQLITE_OK) return code;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  auto* const table = new (std::nothrow) Table();
  if (table == nullptr) return SQLITE_NOMEM;
  table->source = static_cast<BatchTable*>(source);
  *out = &table->base;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  delete reinterpret_cast<Table*>(table);
  return SQLITE_OK;
}

/// The plan is always to read the whole batch, in its order.
int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedRows = kRowsEstimated;
  info->estimatedCost = static_cast<double>(kRowsEstimated);
  return SQLITE_OK;
}

}  // namespace

/// Has external linkage, because BatchTable declares it as a friend.
struct BatchCursor {
  sqlite3_vtab_cursor base;
  BatchTable* source;
  const ChangeBatch* batch;
  std::uint32_t place;
  std::uint32_t row;

  static int Open(sqlite3_vtab* table, sqlite3_vtab_cursor** out) {
    auto* const cursor = new (std::nothrow) BatchCursor();
    if (cursor == nullptr) return SQLITE_NOMEM;
    cursor->source = reinterpret_cast<Table*>(table)->source;
    *out = &cursor->base;
    return SQLITE_OK;
  }
  static int Close(sqlite3_vtab_cursor* cursor) {
    delete reinterpret_cast<BatchCursor*>(cursor);
    return SQLITE_OK;
  }
  static int Filter(sqlite3_vtab_cursor* base, int, const char*, int, sqlite3_value**) {
    auto* const self = reinterpret_cast<BatchCursor*>(base);
    self->batch = self->source->batch_;
    self->place = 0;
    self->Find();
    return SQLITE_OK;
  }
  static int Next(sqlite3_vtab_cursor* base) {
    auto* const self = reinterpret_cast<BatchCursor*>(base);
    ++self->place;
    self->Find();
    return SQLITE_OK;
  }
  static int Eof(sqlite3_vtab_cursor* base) {
    const auto* const self = reinterpret_cast<BatchCursor*>(base);
    return self->batch == nullptr || self->place >= self->batch->row_count ? 1 : 0;
  }
  static int Rowid(sqlite3_vtab_cursor* base, sqlite3_int64* rowid) {
    *rowid = reinterpret_cast<BatchCursor*>(base)->row;
    return SQLITE_OK;
  }
  static int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
    const auto* const self = reinterpret_cast<BatchCursor*>(base);
    const std::vector<BatchTable::ShownColumn>& columns = self->source->columns_;
    // A value for which no result is set is NULL.
    if (static_cast<std::size_t>(index) < columns.size())
      self->Give(context, columns[static_cast<std::size_t>(index)]);
    return SQLITE_OK;
  }

 private:
  void Find() {
    if (batch == nullptr || place >= batch->row_count) return;
    row = batch->key_order.empty() ? place : batch->key_order[place];
    source->row_ = row;
  }

  void Give(sqlite3_context* context, const BatchTable::ShownColumn& column) const {
    const ColumnView& view = *column.view;
    if (view.IsNull(row)) return;
    const auto bytes = [&] {
      const std::uint32_t start = view.starts[row];
      return std::string_view{view.data.data() + start, view.starts[row + 1] - start};
    };
    switch (column.form) {
      case ValueForm::kInteger:
        return sqlite3_result_int64(context, view.ints[row]);
      case ValueForm::kReal:
        return GiveDouble(context, view.doubles[row]);
      case ValueForm::kText:
      case ValueForm::kBlob:
        return GiveBytes(context, bytes(), column.form == ValueForm::kText);
      case ValueForm::kTextOfInteger:
        return GiveTextForm(context, *column.column, view.ints[row], {});
      case ValueForm::kTextOfBytes:
        return GiveTextForm(context, *column.column, 0, bytes());
      case ValueForm::kAny:
        return GiveAny(context, view.At(row));
    }
  }

  static void GiveDouble(sqlite3_context* context, double value) {
    sqlite3_result_double(context, value == 0 ? 0.0 : value);
  }
  static void GiveTextForm(sqlite3_context* context, const mirror::Column& column, std::int64_t integer,
                           std::string_view bytes) {
    std::array<char, kTextFormBytesMax> text;
    const std::size_t length = WriteTextForm(column, integer, bytes, text.data());
    sqlite3_result_text(context, text.data(), static_cast<int>(length), SQLITE_TRANSIENT);
  }
  static void GiveBytes(sqlite3_context* context, std::string_view bytes, bool text) {
    const char* const data = bytes.data() == nullptr ? "" : bytes.data();
    if (text) {
      sqlite3_result_text64(context, data, bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      sqlite3_result_blob64(context, data, bytes.size(), SQLITE_STATIC);
    }
  }
  static void GiveAny(sqlite3_context* context, const Value& value) {
    switch (value.kind) {
      case Kind::kNull:
        return;
      case Kind::kInteger:
        sqlite3_result_int64(context, value.integer);
        return;
      case Kind::kReal:
        GiveDouble(context, value.real);
        return;
      case Kind::kText:
      case Kind::kRawText:
      case Kind::kBlob:
        GiveBytes(context, value.bytes, value.kind != Kind::kBlob);
        return;
    }
  }
};

namespace {

template <std::size_t kWidth>
const sqlite3_module* Module() {
  // There is no xCreate: the table exists without being created, and is in no schema.
  static const sqlite3_module module = [] {
    sqlite3_module made{};
    made.xConnect = Connect<kWidth>;
    made.xBestIndex = BestIndex;
    made.xDisconnect = Disconnect;
    made.xDestroy = Disconnect;
    made.xOpen = BatchCursor::Open;
    made.xClose = BatchCursor::Close;
    made.xFilter = BatchCursor::Filter;
    made.xNext = BatchCursor::Next;
    made.xEof = BatchCursor::Eof;
    made.xColumn = BatchCursor::Column;
    made.xRowid = BatchCursor::Rowid;
    return made;
  }();
  return &module;
}

std::string NameOf(std::size_t width) { return absl::StrCat("_mirror_batch_", width); }

}  // namespace

int BatchTable::Register(sqlite3* handle) {
  const std::array<const sqlite3_module*, kWidths.size()> modules = {
      Module<kWidths[0]>(), Module<kWidths[1]>(), Module<kWidths[2]>(), Module<kWidths[3]>()};
  for (std::size_t i = 0; i < kWidths.size(); ++i) {
    const int code = sqlite3_create_module(handle, NameOf(kWidths[i]).c_str(), modules[i], this);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

bool BatchTable::CanShow(const ChangeBatch& batch) {
  return batch.columns.size() <= kWidths.back() &&
         std::all_of(batch.columns.begin(), batch.columns.end(),
                     [](const ColumnView& view) { return view.large.empty(); });
}

std::string BatchTable::NameFor(const ChangeBatch& batch) {
  return NameOf(*std::find_if(kWidths.begin(), kWidths.end(),
                              [&](std::size_t width) { return width >= batch.columns.size(); }));
}

void BatchTable::Show(const TableSchema& schema, const ChangeBatch& batch) {
  columns_.clear();
  for (const ColumnView& view : batch.columns) {
    const Column& column = schema.columns[view.column];
    columns_.push_back({&view, &column, ValueFormOf(column, view)});
  }
  batch_ = &batch;
  row_ = 0;
}

void BatchTable::Hide() {
  batch_ = nullptr;
  columns_.clear();
}

ValueForm ValueFormOf(const Column& column, const ColumnView& view) {
  switch (view.storage) {
    case Storage::kInts:
      return HasTextForm(column.type) ? ValueForm::kTextOfInteger : ValueForm::kInteger;
    case Storage::kDoubles:
      return ValueForm::kReal;
    case Storage::kBytes:
      if (column.type == Type::kUuid) return ValueForm::kTextOfBytes;
      return column.type == Type::kBytes ? ValueForm::kBlob : ValueForm::kText;
    case Storage::kAny:
      break;
  }
  return ValueForm::kAny;
}

}  // namespace mirror
