#ifndef MIRROR_BASE_HTTP_CONNECTION_H_
#define MIRROR_BASE_HTTP_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <list>
#include <memory>
#include <string>

#include "base/http/body_room.h"
#include "base/http/listener.h"
#include "base/http/message.h"
#include "base/http/turns.h"

namespace mirror {

/// One connection of a listener: all of it happens on the listener's thread, but the door's work, which is
/// done by HttpTurns.
class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  virtual void Run() = 0;
  /// Ends, whatever it does.
  virtual void Close() = 0;
  /// A request of it was admitted, and is not answered. A request without an API key counts only once its
  /// body is whole: a stranger's word that one will come holds no place.
  bool has_asked() const { return has_asked_; }
  /// A body was admitted, and is not whole.
  bool is_taking_body() const { return is_taking_body_; }
  /// An answer is on its way.
  bool is_writing() const { return is_writing_; }
  /// That answer is a stream.
  bool is_streaming() const { return is_streaming_; }

  /// A request of it was admitted for an asker with a name, see HttpAdmission::asker.
  bool is_known() const { return is_known_; }

  // The listener's.
  std::list<std::shared_ptr<HttpConnection>>::iterator place;
  std::string group;        ///< See AddressGroup(). Empty: its address has no limit.
  bool is_counted = false;  ///< Among the strangers of its group.
  bool is_let_go = false;   ///< It was closed, and has not left yet.
  bool has_rested = false;  ///< One of its requests was answered.

 protected:
  bool is_known_ = false, has_asked_ = false, is_taking_body_ = false, is_writing_ = false,
       is_streaming_ = false;
};

/// What a connection needs of its listener. It outlives all of them.
class HttpConnectionHost {
 public:
  virtual ~HttpConnectionHost() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual HttpDoor& door() = 0;
  virtual HttpTurns& turns() = 0;
  virtual HttpBodyRoom& body_room() = 0;
  /// No more requests are taken.
  virtual bool is_stopping() const = 0;
  /// Its answer was sent, and it waits for another request: it can be let go for another connection.
  virtual void Rests(HttpConnection& connection) = 0;
  /// Its first request was admitted for an asker with a name.
  virtual void Knows(HttpConnection& connection) = 0;
  /// It is a stranger, of so many that none of them keeps its connection for another request.
  virtual bool IsOfCrowd(const HttpConnection& connection) const = 0;
  /// It is over: nothing of it happens any more.
  virtual void Left(HttpConnection& connection) = 0;
};

/// `tls`: null: plain text.
std::shared_ptr<HttpConnection> MakeHttpConnection(HttpConnectionHost& host,
                                                   boost::asio::ip::tcp::socket socket,
                                                   std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_CONNECTION_H_
