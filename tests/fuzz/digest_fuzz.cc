// Rows of any values. A row's digest is XXH3 of the bytes that mirror_client.proto says, and nothing else; a
// range's does not depend on the order of rows; rows that differ in a value, in its kind or in where one ends
// and the next begins have other digests.

#include <xxhash.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsMax = 16, kValuesMax = 16;
constexpr std::size_t kLong = 70'000;  // More than a RowDigest keeps in memory.

using Row = std::vector<Literal>;

std::string Lowest(std::uint64_t number) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

/// The document's words once more, written another way.
std::string Documented(const Row& row) {
  std::string bytes;
  for (const Literal& value : row) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      bytes += '\1' + Lowest(static_cast<std::uint64_t>(*integer));
    } else if (const auto* real = std::get_if<double>(&value)) {
      bytes += '\2' + Lowest(*real == 0 ? 0 : std::bit_cast<std::uint64_t>(*real));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      bytes += '\3' + Lowest(text->size()) + *text;
    } else if (const auto* blob = std::get_if<Bytes>(&value)) {
      bytes += '\4' + Lowest(blob->value.size()) + blob->value;
    } else {
      bytes += '\0';
    }
  }
  return bytes;
}

/// `cut`: values of bytes come in pieces of so many, 0: whole.
std::uint64_t DigestOf(const Row& row, std::size_t cut = 0) {
  static auto* const kDigest = new RowDigest;  // Used again and again: nothing of a row may stay behind.
  const auto add = [&](const std::string& bytes, auto whole, auto begin) {
    if (cut == 0) return whole();
    begin();
    for (std::size_t at = 0; at < bytes.size(); at += cut) {
      kDigest->AddPiece(std::string_view(bytes).substr(at, cut));
    }
  };
  for (const Literal& value : row) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      kDigest->AddInteger(*integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      kDigest->AddReal(*real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      add(
          *text, [&] { kDigest->AddText(*text); }, [&] { kDigest->BeginText(text->size()); });
    } else if (const auto* blob = std::get_if<Bytes>(&value)) {
      add(
          blob->value, [&] { kDigest->AddBytes(blob->value); },
          [&] { kDigest->BeginBytes(blob->value.size()); });
    } else {
      kDigest->AddNull();
    }
  }
  return kDigest->Finish();
}

/// `longs`: how many long ones there may be yet; each costs as much as a thousand others.
Literal ReadValue(Input& input, int& longs) {
  switch (input.Choose(longs > 0 ? 6 : 5)) {
    case 0:
      return Null{};
    case 1:
      return static_cast<std::int64_t>(input.Number());
    case 2:
      return std::bit_cast<double>(input.Number());
    case 3:
      return input.Text();
    case 4:
      return Bytes{input.Text()};
    default: {
      --longs;
      std::string text = input.Text() + "x";
      while (text.size() < kLong) text += text;
      return text;
    }
  }
}

/// What is told apart from this value, whatever stands beside it.
std::vector<Row> Others(const Literal& value) {
  std::vector<Row> others = {{value, Null{}}, {Null{}, value}, {}};
  if (std::holds_alternative<Null>(value)) {
    others.insert(others.end(), {{std::string()}, {Bytes{}}, {std::int64_t{0}}, {0.0}});
    return others;
  }
  others.push_back({Null{}});
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    others.push_back({std::bit_cast<double>(*integer)});
    others.push_back({*integer ^ 1});
    others.push_back({std::to_string(*integer)});
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    others.push_back({Bytes{*text}});
    others.push_back({*text + std::string(1, '\0')});
    for (const std::size_t at : {std::size_t{0}, text->size() / 2, text->size()}) {
      others.push_back({text->substr(0, at), text->substr(at)});
    }
  } else if (const auto* blob = std::get_if<Bytes>(&value)) {
    others.push_back({blob->value});
    others.push_back({Bytes{blob->value + std::string(1, '\0')}});
  }
  return others;
}

void TryRow(const Row& row, std::size_t cut) {
  const std::string bytes = Documented(row);
  const std::uint64_t digest = DigestOf(row);
  Require(digest == XXH3_64bits(bytes.data(), bytes.size()));
  Require(digest == DigestOf(row, cut));
  for (std::size_t i = 0; i < row.size(); ++i) {
    for (const Row& other : Others(row[i])) {
      Row changed(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(i));
      changed.insert(changed.end(), other.begin(), other.end());
      changed.insert(changed.end(), row.begin() + static_cast<std::ptrdiff_t>(i) + 1, row.end());
      Require(Documented(changed) != bytes && DigestOf(changed) != digest);
    }
  }
}

void TryRange(const std::vector<Row>& rows, std::size_t begin) {
  RangeDigest forward, backward, in_turn, first, second;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint64_t digest = DigestOf(rows[i]);
    forward.Add(digest);
    backward.Add(DigestOf(rows[rows.size() - 1 - i]));
    in_turn.Add(DigestOf(rows[(begin + i) % rows.size()]));
    (i < begin % rows.size() ? first : second).Add(digest);
  }
  first.Add(second);
  Require(forward == backward && forward == in_turn && forward == first);
  Require(forward.rows == rows.size());
  // A row twice is not the row once.
  forward.Add(DigestOf(rows[0]));
  Require(!(forward == backward));
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::Input input(data, size);
  const std::size_t cut = 1 + input.Byte() * 300U, begin = input.Byte();
  std::vector<mirror::Row> rows;
  int longs = cut > 30'000 ? 1 : 0;
  while (!input.AtEnd() && rows.size() < mirror::kRowsMax) {
    mirror::Row& row = rows.emplace_back();
    const std::size_t values = input.Choose(mirror::kValuesMax);
    while (row.size() < values && !input.AtEnd()) row.push_back(mirror::ReadValue(input, longs));
    mirror::TryRow(row, cut);
  }
  if (!rows.empty()) mirror::TryRange(rows, begin);
  return 0;
}
