aspect Row { key id : Integer; name : String; amount : Double; }

service Data @(path: '/odata') {
  entity rows0 : Row {}
  entity rows1 : Row {}
  entity rows10 : Row {}
  entity rows20 : Row {}
  entity rows25 : Row {}
}
