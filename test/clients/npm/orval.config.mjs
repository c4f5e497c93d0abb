export default {
  boxoffice: {
    input: process.env.DOCUMENT,
    output: { target: "orval/api.ts", client: "fetch", baseUrl: process.env.BOXOFFICE_URL },
  },
};
